#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "worker/tree.h"

struct Tree {
        TreeNode **buckets;
        size_t n_buckets, n_nodes; /* n_buckets: a power of two */
        TreeNode *root;
};

static uint32_t hash_name(const TreeNode *parent, const char *name, size_t length) {
        uint64_t hash = (uintptr_t) parent * UINT64_C(0x9e3779b97f4a7c15); /* FNV-1a on top */

        for (size_t i = 0; i < length; i++)
                hash = (hash ^ (unsigned char) name[i]) * UINT64_C(0x100000001b3);
        return (uint32_t) (hash ^ hash >> 32);
}

static int grow(Tree *tree) {
        size_t n_buckets = tree->n_buckets ? tree->n_buckets * 2 : 1024;
        TreeNode **buckets = calloc(n_buckets, sizeof(TreeNode *));

        if (!buckets)
                return -ENOMEM;
        for (size_t i = 0; i < tree->n_buckets; i++)
                for (TreeNode *node = tree->buckets[i], *next; node; node = next) {
                        TreeNode **bucket = &buckets[node->hash & (n_buckets - 1)];

                        next = node->bucket;
                        node->bucket = *bucket;
                        *bucket = node;
                }
        free(tree->buckets);
        tree->buckets = buckets;
        tree->n_buckets = n_buckets;
        return 0;
}

static TreeNode *node_new(const char *name, size_t length, EntryType type, TreeFile *file) {
        TreeNode *node = calloc(1, sizeof(*node) + length + 1);

        if (!node)
                return NULL;
        if (!file) {
                file = calloc(1, sizeof(*file));
                if (!file) {
                        free(node);
                        return NULL;
                }
                file->type = type;
        }
        node->file = file;
        file->n_links++;
        memcpy(node->name, name, length);
        return node;
}

static void node_free(TreeNode *node) {
        if (--node->file->n_links == 0)
                free(node->file);
        free(node);
}

int tree_new(uint32_t root_number, Tree **ret) {
        Tree *tree = calloc(1, sizeof(*tree));

        if (!tree || grow(tree) < 0 || !(tree->root = node_new("", 0, ENTRY_DIRECTORY, NULL))) {
                tree_free(tree);
                return -ENOMEM;
        }
        tree->root->parent = tree->root;
        tree->root->file->number = root_number;
        *ret = tree;
        return 0;
}

Tree *tree_free(Tree *tree) {
        if (!tree)
                return NULL;
        for (size_t i = 0; i < tree->n_buckets; i++)
                for (TreeNode *node = tree->buckets[i], *next; node; node = next) {
                        next = node->bucket;
                        node_free(node);
                }
        if (tree->root)
                node_free(tree->root);
        free(tree->buckets);
        free(tree);
        return NULL;
}

TreeNode *tree_root(Tree *tree) {
        return tree->root;
}

TreeNode *tree_child(const Tree *tree, const TreeNode *parent, const char *name, size_t length) {
        uint32_t hash = hash_name(parent, name, length);

        for (TreeNode *node = tree->buckets[hash & (tree->n_buckets - 1)]; node;
             node = node->bucket)
                if (node->hash == hash && node->parent == parent &&
                    strlen(node->name) == length && memcmp(node->name, name, length) == 0)
                        return node;
        return NULL;
}

/* The next part that means something; false at the end. */
static bool next_part(const char **path, const char **ret, size_t *ret_length) {
        do {
                *path += strspn(*path, "/");
                *ret = *path;
                *ret_length = strcspn(*path, "/");
                *path += *ret_length;
        } while (*ret_length == 1 && **ret == '.');
        return *ret_length > 0;
}

static int check_part(const char *path, const char *part, size_t length, Error *reterr) {
        if (length == 2 && memcmp(part, "..", 2) == 0)
                return error_set(reterr, ERROR_FAILED, EBADMSG, "\"%s\" leads out of the tree",
                                 path);
        if (length > TREE_NAME_MAX)
                return error_set(reterr, ERROR_FAILED, ENAMETOOLONG,
                                 "\"%s\" has a name longer than %d bytes", path, TREE_NAME_MAX);
        return 0;
}

int tree_locate(Tree *tree, const char *path, TreePlace *ret, Error *reterr) {
        TreePlace place = {.parent = tree->root};
        const char *rest = path, *part;
        bool is_there = true;
        size_t length;

        while (next_part(&rest, &part, &length)) {
                int r = check_part(path, part, length, reterr);

                if (r < 0)
                        return r;
                /* The part before this one is a directory on the way, there or not. */
                if (place.name && is_there) {
                        TreeNode *node = tree_child(tree, place.parent, place.name, place.length);

                        if (node && node->file->type != ENTRY_DIRECTORY)
                                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                                 "\"%s\" goes through \"%s\", which is %s", path,
                                                 node->name,
                                                 node->file->type == ENTRY_SYMLINK
                                                         ? "a symbolic link"
                                                         : "no directory");
                        if (node)
                                place.parent = node;
                        is_there = node;
                        if (!node)
                                place.missing = place.name;
                }
                place.name = part;
                place.length = length;
        }
        if (is_there)
                place.missing = place.name;
        *ret = place;
        return 0;
}

int tree_find(Tree *tree, const char *path, TreeNode **ret, Error *reterr) {
        TreePlace place = {};
        int r = tree_locate(tree, path, &place, reterr);

        if (r < 0)
                return r;
        if (!place.name)
                *ret = tree->root;
        else if (place.missing != place.name)
                *ret = NULL;
        else
                *ret = tree_child(tree, place.parent, place.name, place.length);
        return 0;
}

int tree_add(Tree *tree, TreeNode *parent, const char *name, size_t length, EntryType type,
             TreeFile *file, TreeNode **ret) {
        TreeNode *node, **bucket;

        if (tree->n_nodes == TREE_NODES_MAX)
                return -E2BIG;
        if (tree->n_nodes == tree->n_buckets && grow(tree) < 0)
                return -ENOMEM;
        node = node_new(name, length, type, file);
        if (!node)
                return -ENOMEM;
        node->parent = parent;
        node->hash = hash_name(parent, name, length);
        node->before = parent->last;
        if (parent->last)
                parent->last->after = node;
        else
                parent->first = node;
        parent->last = node;
        bucket = &tree->buckets[node->hash & (tree->n_buckets - 1)];
        node->bucket = *bucket;
        *bucket = node;
        tree->n_nodes++;
        *ret = node;
        return 0;
}

void tree_remove(Tree *tree, TreeNode *node, uint32_t *ret_number) {
        TreeNode **at = &tree->buckets[node->hash & (tree->n_buckets - 1)];

        while (*at != node)
                at = &(*at)->bucket;
        *at = node->bucket;
        *(node->before ? &node->before->after : &node->parent->first) = node->after;
        *(node->after ? &node->after->before : &node->parent->last) = node->before;
        tree->n_nodes--;
        *ret_number = node->file->n_links == 1 ? node->file->number : 0;
        node_free(node);
}

size_t tree_n_directories(const TreeNode *node) {
        size_t n = 0;

        for (const TreeNode *child = node->first; child; child = child->after)
                if (child->file->type == ENTRY_DIRECTORY)
                        n++;
        return n;
}
