#pragma once
/* Strings that came from elsewhere, made safe for a terminal, and how wide they are on it. */
#include <stddef.h>

typedef enum EscapeStyle {
        ESCAPE_TEXT, /* \n, \t, \xNN for other controls and bytes that are not UTF-8, \u202e */
        ESCAPE_JSON, /* of serialised JSON: only what json-c leaves in, as JSON's own \uNNNN */
} EscapeStyle;

/* Control characters (C0, DEL, C1), bidirectional overrides and bytes that are not UTF-8 become
 * visible. An allocated string, or NULL when out of memory. */
char *text_escape(const char *text, EscapeStyle style);
/* Columns on a terminal, by wcwidth(3) of the current locale. */
size_t text_width(const char *text);
/* What of it fits into that many columns, allocated; cut, it ends with "...". NULL when out of
 * memory. */
char *text_cut(const char *text, size_t columns);
