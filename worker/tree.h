#pragma once
/* The names of a tree in the making: which inode each has. Knows no file system; paths are never
 * followed through a symlink. */
#include <stddef.h>
#include <stdint.h>

#include "worker/entry.h"

#define TREE_NAME_MAX 255 /* NAME_MAX */
#define TREE_NODES_MAX (1 << 24)

/* What hard links share. */
typedef struct TreeFile {
        uint32_t number; /* inode; 0 until it is known */
        uint32_t n_links;
        EntryType type;
} TreeFile;

typedef struct TreeNode TreeNode;
struct TreeNode {
        TreeNode *parent;                  /* the root's is itself */
        TreeNode *first, *last;            /* children, in the order they came */
        TreeNode *before, *after, *bucket;
        TreeFile *file;                    /* n_links of them own it */
        uint32_t hash;
        char name[];
};

typedef struct Tree Tree;

int tree_new(uint32_t root_number, Tree **ret); /* -ENOMEM */
Tree *tree_free(Tree *tree);
TreeNode *tree_root(Tree *tree);
TreeNode *tree_child(const Tree *tree, const TreeNode *parent, const char *name, size_t length);

/* Where a path of an archive leads: ret_parent is NULL for the root itself, else *ret_name (of
 * *ret_length bytes) is its last part, and *ret_missing what of the path has no directory yet:
 * ret_missing == ret_name when the parent is there. ".." is refused, as is a way through anything
 * but a directory: ERROR_FAILED. */
typedef struct TreePlace {
        TreeNode *parent; /* the deepest directory that is there */
        const char *missing, *name;
        size_t length;
} TreePlace;
int tree_locate(Tree *tree, const char *path, TreePlace *ret, Error *reterr);
/* The node at a path, NULL where there is none. Same refusals. */
int tree_find(Tree *tree, const char *path, TreeNode **ret, Error *reterr);

/* A new name, for a new file or (not NULL) one more link to an old one. -ENOMEM, -E2BIG. */
int tree_add(Tree *tree, TreeNode *parent, const char *name, size_t length, EntryType type,
             TreeFile *file, TreeNode **ret);
/* Takes the name (one without children) away. *ret_number is the inode that is no longer used, 0
 * while it has other links. */
void tree_remove(Tree *tree, TreeNode *node, uint32_t *ret_number);
size_t tree_n_directories(const TreeNode *node); /* among its children */
