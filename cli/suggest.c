#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cli/suggest.h"
#include "common/action.h"

#define WORDS_MAX 63

static size_t smaller(size_t a, size_t b) {
        return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b) {
        size_t rows[3][WORDS_MAX + 1] = {{0}};
        size_t *before = rows[0], *previous = rows[1], *current = rows[2];
        size_t n_a = strlen(a), n_b = strlen(b);

        if (n_a > WORDS_MAX || n_b > WORDS_MAX)
                return SIZE_MAX;

        for (size_t j = 0; j <= n_b; j++)
                previous[j] = j;
        for (size_t i = 1; i <= n_a; i++) {
                size_t *oldest = before;

                current[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

                        current[j] = smaller(smaller(previous[j], current[j - 1]) + 1, replaced);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                current[j] = smaller(current[j], before[j - 2] + 1);
                }
                before = previous;
                previous = current;
                current = oldest;
        }
        return previous[n_b];
}

size_t suggest_distance_max(const char *typed) {
        return (strlen(typed) + 2) / 3;
}

static size_t count_words(const char *text) {
        size_t n = 1;

        for (; *text; text++)
                if (*text == ' ')
                        n++;
        return n;
}

/* The first n words with one blank between them; false when there are fewer, or too long ones. */
static bool join_words(char *const *words, size_t n_words, size_t n, char buffer[WORDS_MAX + 1]) {
        size_t used = 0;

        if (n > n_words)
                return false;
        for (size_t i = 0; i < n; i++) {
                size_t length = strlen(words[i]);

                if (words[i][0] == '-' || used + length + 1 > WORDS_MAX)
                        return false;
                if (i > 0)
                        buffer[used++] = ' ';
                memcpy(buffer + used, words[i], length);
                used += length;
        }
        buffer[used] = '\0';
        return true;
}

/* "install" for "system install": the right verb without its group. */
static bool is_last_word(const char *command, const char *word) {
        const char *blank = strrchr(command, ' ');

        return blank && suggest_distance(word, blank + 1) < suggest_distance_max(word);
}

const char *suggest_command(char *const *words, size_t n_words) {
        const char *nearest = NULL, *same_verb = NULL;
        size_t best = SIZE_MAX;

        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++) {
                        const char *command = action_interfaces[i]->actions[j].words;
                        char typed[WORDS_MAX + 1];
                        size_t distance;

                        if (!command)
                                continue;
                        if (!same_verb && n_words > 0 && is_last_word(command, words[0]))
                                same_verb = command;
                        if (!join_words(words, n_words, count_words(command), typed))
                                continue;
                        distance = suggest_distance(typed, command);
                        if (distance < best && distance <= suggest_distance_max(typed)) {
                                best = distance;
                                nearest = command;
                        }
                }
        return nearest ? nearest : same_verb;
}
