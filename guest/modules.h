#pragma once
/* The modules of the initrd. */
#include "common/error.h"

typedef int (*ModuleLoader)(const char *path, void *userdata);

/* finit_module(2) of one file. Negative errno. */
int modules_load_file(const char *path, void *userdata);
/* Loads what the list says: one absolute path a line, in this order. One that is loaded already is
 * fine; one that fails is said in reterr, the others are tried. */
int modules_load_list(const char *list, ModuleLoader loader, void *userdata, Error *reterr);
/* The list in a file; none is fine. */
int modules_load(const char *list_path, Error *reterr);
