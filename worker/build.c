#include <errno.h>
#include <string.h>

#include "worker/build.h"
#include "worker/ext4.h"
#include "worker/tree.h"

typedef struct Build {
        const EntrySource *source;
        Ext4 *ext4;
        Tree *tree;
} Build;

static void build_cleanup(Build *build) {
        ext4_free(build->ext4);
        tree_free(build->tree);
}

static int add_node(Build *build, TreeNode *parent, const char *name, size_t length, EntryType type,
                    TreeFile *file, TreeNode **ret, Error *reterr) {
        int r = tree_add(build->tree, parent, name, length, type, file, ret);

        return r < 0 ? error_set(reterr, r == -ENOMEM ? ERROR_FAILED : ERROR_NO_SPACE, -r,
                                 r == -ENOMEM ? "out of memory" : "there are too many files") : 0;
}

/* Directories that are only named by what lies in them. */
static int make_parents(Build *build, TreePlace *place, Error *reterr) {
        while (place->missing != place->name) {
                size_t length = strcspn(place->missing, "/");
                Entry entry = {.path = place->missing, .type = ENTRY_DIRECTORY, .mode = 0755};
                TreeNode *node;
                int r;

                if (!(length == 1 && place->missing[0] == '.')) {
                        r = add_node(build, place->parent, place->missing, length, ENTRY_DIRECTORY,
                                     NULL, &node, reterr);
                        if (r >= 0)
                                r = ext4_add(build->ext4, &entry, &node->file->number, reterr);
                        if (r < 0)
                                return r;
                        place->parent = node;
                }
                place->missing += length;
                place->missing += strspn(place->missing, "/");
        }
        return 0;
}

/* With all that lies in it; no recursion, for the depth is the archive's choice. */
static int remove_node(Build *build, TreeNode *top, Error *reterr) {
        TreeNode *node = top;

        for (;;) {
                TreeNode *parent = node->parent;
                bool is_top = node == top;
                uint32_t number;
                int r = 0;

                if (node->first) {
                        node = node->first;
                        continue;
                }
                tree_remove(build->tree, node, &number);
                if (number != 0)
                        r = ext4_remove(build->ext4, number, reterr);
                if (r < 0 || is_top)
                        return r;
                node = parent;
        }
}

static int write_data(Build *build, const Entry *entry, uint32_t number, Error *reterr) {
        const void *data;
        int64_t offset;
        size_t size;
        int r;

        r = ext4_begin(build->ext4, number, reterr);
        while (r >= 0) {
                r = build->source->data(build->source->userdata, &data, &size, &offset, reterr);
                if (r == 0)
                        return ext4_end_file(build->ext4, entry->size, reterr);
                if (r < 0)
                        return r;
                if (offset < 0 || offset > entry->size || size > (uint64_t) (entry->size - offset))
                        return error_set(reterr, ERROR_FAILED, EBADMSG,
                                         "it has more data than it says");
                r = ext4_data(build->ext4, data, size, offset, reterr);
        }
        return r;
}

static int add_hardlink(Build *build, const Entry *entry, const TreePlace *place, Error *reterr) {
        TreeNode *old, *target, *node;
        int r;

        r = tree_find(build->tree, entry->target, &target, reterr);
        if (r < 0)
                return r;
        if (!target || target->file->type == ENTRY_DIRECTORY)
                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                 "it is a link to \"%s\", which is %s", entry->target,
                                 target ? "a directory" : "not there");
        old = tree_child(build->tree, place->parent, place->name, place->length);
        if (old && old->file == target->file)
                return 0;
        /* The directory that makes way may hold the target. */
        for (TreeNode *up = target; old && up != up->parent; up = up->parent)
                if (up == old)
                        return error_set(reterr, ERROR_FAILED, EBADMSG,
                                         "it takes the place of a directory with its own target");
        r = old ? remove_node(build, old, reterr) : 0;
        return r < 0 ? r
                     : add_node(build, place->parent, place->name, place->length,
                                target->file->type, target->file, &node, reterr);
}

static int add_new(Build *build, const Entry *entry, const TreePlace *place, Error *reterr) {
        TreeNode *node = tree_child(build->tree, place->parent, place->name, place->length);
        int r;

        if (node && node->file->type == ENTRY_DIRECTORY && entry->type == ENTRY_DIRECTORY)
                return ext4_change(build->ext4, node->file->number, entry, reterr);
        r = node ? remove_node(build, node, reterr) : 0;
        if (r >= 0)
                r = add_node(build, place->parent, place->name, place->length, entry->type, NULL,
                             &node, reterr);
        if (r >= 0)
                r = ext4_add(build->ext4, entry, &node->file->number, reterr);
        if (r >= 0 && entry->type == ENTRY_FILE)
                r = write_data(build, entry, node->file->number, reterr);
        return r;
}

static int add_entry(Build *build, const Entry *entry, Error *reterr) {
        TreePlace place;
        int r;

        r = tree_locate(build->tree, entry->path, &place, reterr);
        if (r < 0)
                return r;
        if (!place.name) {
                if (entry->type != ENTRY_DIRECTORY)
                        return error_set(reterr, ERROR_FAILED, EBADMSG,
                                         "the root must be a directory");
                return ext4_change(build->ext4, EXT4_ROOT_NUMBER, entry, reterr);
        }
        r = make_parents(build, &place, reterr);
        if (r < 0)
                return r;
        return entry->type == ENTRY_HARDLINK ? add_hardlink(build, entry, &place, reterr)
                                             : add_new(build, entry, &place, reterr);
}

/* e2fsck wants one, as a place for what it finds. */
static int add_lost_and_found(Build *build, Error *reterr) {
        static const Entry entry = {.path = "lost+found", .type = ENTRY_DIRECTORY, .mode = 0700};
        TreeNode *node;
        int r;

        r = tree_find(build->tree, entry.path, &node, reterr);
        return r < 0 || node ? r : add_entry(build, &entry, reterr);
}

static int write_directory(Build *build, const TreeNode *node, Error *reterr) {
        size_t n_links = 2 + tree_n_directories(node);
        Ext4 *ext4 = build->ext4;
        int r;

        r = ext4_begin(ext4, node->file->number, reterr);
        if (r >= 0)
                r = ext4_name(ext4, ".", node->file->number, ENTRY_DIRECTORY, reterr);
        if (r >= 0)
                r = ext4_name(ext4, "..", node->parent->file->number, ENTRY_DIRECTORY, reterr);
        for (const TreeNode *child = node->first; child && r >= 0; child = child->after)
                r = ext4_name(ext4, child->name, child->file->number, child->file->type, reterr);
        return r < 0 ? r : ext4_end_directory(ext4, (uint32_t) n_links, reterr);
}

/* Before its children, in the order of the names. */
static const TreeNode *next_node(const TreeNode *node) {
        if (node->first)
                return node->first;
        while (!node->after && node->parent != node)
                node = node->parent;
        return node->after;
}

static int write_names(Build *build, Error *reterr) {
        int r = 0;

        for (const TreeNode *node = tree_root(build->tree); node && r >= 0; node = next_node(node))
                if (node->file->type == ENTRY_DIRECTORY)
                        r = write_directory(build, node, reterr);
                else if (node->file->n_links > 1)
                        r = ext4_set_links(build->ext4, node->file->number, node->file->n_links,
                                           reterr);
        return r;
}

int build_write(const EntrySource *source, int fd, const BuildPlan *plan, Error *reterr) {
        _cleanup_(build_cleanup) Build build = {.source = source};
        const Entry *entry;
        int r;

        r = tree_new(EXT4_ROOT_NUMBER, &build.tree);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a file system");
        r = ext4_create(fd, plan->size_bytes, plan->n_inodes, &build.ext4, reterr);
        while (r >= 0) {
                r = source->next(source->userdata, &entry, reterr);
                if (r <= 0)
                        break;
                r = add_entry(&build, entry, reterr);
                if (r < 0)
                        return error_prepend(reterr, r, "cannot take \"%s\"", entry->path);
        }
        if (r >= 0)
                r = add_lost_and_found(&build, reterr);
        if (r >= 0)
                r = write_names(&build, reterr);
        return r < 0 ? r : ext4_finish(build.ext4, reterr);
}
