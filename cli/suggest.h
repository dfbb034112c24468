#pragma once
/* What a mistyped word was meant to be. */
#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b; SIZE_MAX when
 * either is longer than any word of ours. */
size_t suggest_distance(const char *a, const char *b);
/* Near enough to be worth saying. */
size_t suggest_distance_max(const char *typed);
/* The words of the action that the typed words are nearest to; NULL when none is near. */
const char *suggest_command(char *const *words, size_t n_words);
