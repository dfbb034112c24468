#include "tui/canvas.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "common/text.h"

#define ELLIPSIS 0x2026

int canvas_new(int height, int width, bool ascii, Canvas **ret) {
        Canvas *canvas = calloc(1, sizeof(*canvas));

        if (!canvas)
                return -ENOMEM;
        canvas->height = height > 0 ? height : 1;
        canvas->width = width > 0 ? width : 1;
        canvas->ascii = ascii;
        canvas->cells = calloc((size_t) canvas->height * (size_t) canvas->width, sizeof(Cell));
        if (!canvas->cells) {
                free(canvas);
                return -ENOMEM;
        }
        canvas_clear(canvas);
        *ret = canvas;
        return 0;
}

Canvas *canvas_free(Canvas *canvas) {
        if (canvas)
                free(canvas->cells);
        free(canvas);
        return NULL;
}

void canvas_clear(Canvas *canvas) {
        size_t n = (size_t) canvas->height * (size_t) canvas->width;

        for (size_t i = 0; i < n; i++)
                canvas->cells[i] = (Cell) {.code = ' '};
        canvas->cursor_y = canvas->cursor_x = -1;
}

static Cell *cell_at(const Canvas *canvas, int y, int x) {
        return &canvas->cells[(size_t) y * (size_t) canvas->width + (size_t) x];
}

const Cell *canvas_cell(const Canvas *canvas, int y, int x) {
        return cell_at(canvas, y, x);
}

/* What stands for our own signs where there is no UTF-8; anything else is '?'. */
static uint32_t ascii_of(uint32_t code) {
        static const struct {
                uint32_t code;
                char ascii;
        } signs[] = {
                {ELLIPSIS, '~'}, {0x00b7, '-'}, {0x2500, '-'}, {0x2501, '='}, {0x2502, '|'},
                {0x250c, '+'},   {0x2510, '+'}, {0x2514, '+'}, {0x2518, '+'}, {0x25b8, '>'},
                {0x2191, '^'},   {0x2193, 'v'}, {0x25cf, '*'}, {0x25cb, 'o'}, {0x2713, '+'},
        };

        if (code < 0x7f)
                return code;
        for (size_t i = 0; i < ELEMENTSOF(signs); i++)
                if (signs[i].code == code)
                        return (uint32_t) signs[i].ascii;
        return '?';
}

static void put(Canvas *canvas, int y, int x, uint32_t code, int columns, Role role) {
        if (y < 0 || y >= canvas->height || x < 0 || x + columns > canvas->width)
                return;
        /* Half of a wide character cannot stay. */
        if (cell_at(canvas, y, x)->code == 0 && x > 0)
                cell_at(canvas, y, x - 1)->code = ' ';
        if (x + columns < canvas->width && cell_at(canvas, y, x + columns)->code == 0)
                cell_at(canvas, y, x + columns)->code = ' ';
        *cell_at(canvas, y, x) = (Cell) {.code = code, .role = role};
        if (columns == 2)
                *cell_at(canvas, y, x + 1) = (Cell) {.code = 0, .role = role};
}

/* text_escape() left valid UTF-8 only. */
static size_t decode(const char *text, uint32_t *ret) {
        const unsigned char *bytes = (const unsigned char *) text;
        size_t n = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
        uint32_t code = n == 1 ? bytes[0] : bytes[0] & (0x7fU >> n);

        for (size_t i = 1; i < n; i++)
                code = code << 6 | (bytes[i] & 0x3fU);
        *ret = code;
        return n;
}

static int columns_of(const Canvas *canvas, uint32_t code) {
        int columns;

        if (canvas->ascii || code < 0x7f)
                return 1;
        columns = wcwidth((wchar_t) code);
        return columns < 0 ? 1 : columns;
}

static int measure(const Canvas *canvas, const char *text) {
        int width = 0;

        while (*text) {
                uint32_t code;

                text += decode(text, &code);
                width += columns_of(canvas, code);
        }
        return width;
}

static int draw(Canvas *canvas, int y, int x, int width, Role role, const char *text) {
        bool cut = measure(canvas, text) > width;
        int used = 0;

        while (*text) {
                uint32_t code;
                int columns;

                text += decode(text, &code);
                columns = columns_of(canvas, code);
                /* A combining mark has no cell of its own. */
                if (columns == 0)
                        continue;
                if (cut && used + columns > width - 1)
                        break;
                put(canvas, y, x + used, canvas->ascii ? ascii_of(code) : code, columns, role);
                used += columns;
        }
        if (!cut || width <= 0)
                return used;
        put(canvas, y, x + used, canvas->ascii ? ascii_of(ELLIPSIS) : ELLIPSIS, 1, role);
        return used + 1;
}

int canvas_text(Canvas *canvas, int y, int x, int width, Role role, const char *text) {
        _cleanup_free_ char *safe = text_escape(text, ESCAPE_TEXT);

        return safe ? draw(canvas, y, x, width, role, safe) : 0;
}

int canvas_format(Canvas *canvas, int y, int x, int width, Role role, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        return text ? canvas_text(canvas, y, x, width, role, text) : 0;
}

void canvas_text_right(Canvas *canvas, int y, int x, int width, Role role, const char *text) {
        _cleanup_free_ char *safe = text_escape(text, ESCAPE_TEXT);
        int columns = safe ? measure(canvas, safe) : 0;

        if (!safe)
                return;
        if (columns < width) {
                x += width - columns;
                width = columns;
        }
        draw(canvas, y, x, width, role, safe);
}

/* How many bytes of the text one row takes: up to the last blank that leaves what fits; what has
 * none is broken where the row ends. */
static size_t row_bytes(const Canvas *canvas, int width, const char *text) {
        size_t fits = 0, at = 0;
        int used = 0;

        for (;;) {
                uint32_t code;
                size_t n;

                if (!text[at] || text[at] == ' ')
                        fits = at;
                if (!text[at])
                        return fits;
                n = decode(text + at, &code);
                used += columns_of(canvas, code);
                if (used > width)
                        return fits > 0 ? fits : at > 0 ? at : n;
                at += n;
        }
}

static int wrap(Canvas *canvas, const Canvas *measured, Rect room, Role role, const char *text) {
        _cleanup_free_ char *safe = text_escape(text, ESCAPE_TEXT);
        char *at = safe;
        int y = 0;

        while (at && *at && y < room.height) {
                size_t size = row_bytes(measured, room.width, at);
                char kept = at[size];

                if (y < room.height - 1)
                        at[size] = '\0';
                if (canvas)
                        draw(canvas, room.y + y, room.x, room.width, role, at);
                at[size] = kept;
                at += size;
                at += *at == ' ';
                y++;
        }
        return y > 0 ? y : 1;
}

int canvas_wrap(Canvas *canvas, Rect room, Role role, const char *text) {
        return wrap(canvas, canvas, room, role, text);
}

int canvas_wrap_rows(const Canvas *canvas, int width, const char *text) {
        const Rect room = {.height = canvas->height, .width = width};

        return wrap(NULL, canvas, room, ROLE_TEXT, text);
}

void canvas_fill(Canvas *canvas, Rect rect, Role role, uint32_t code) {
        if (canvas->ascii)
                code = ascii_of(code);
        for (int y = rect.y; y < rect.y + rect.height; y++)
                for (int x = rect.x; x < rect.x + rect.width; x++)
                        put(canvas, y, x, code, 1, role);
}

void canvas_paint(Canvas *canvas, Rect rect, Role role) {
        for (int y = rect.y; y < rect.y + rect.height && y < canvas->height; y++)
                for (int x = rect.x; x < rect.x + rect.width && x < canvas->width; x++)
                        if (y >= 0 && x >= 0)
                                cell_at(canvas, y, x)->role = role;
}

static size_t encode(uint32_t code, char *out) {
        if (code < 0x80) {
                out[0] = (char) code;
                return 1;
        }
        if (code < 0x800) {
                out[0] = (char) (0xc0 | code >> 6);
                out[1] = (char) (0x80 | (code & 0x3f));
                return 2;
        }
        if (code < 0x10000) {
                out[0] = (char) (0xe0 | code >> 12);
                out[1] = (char) (0x80 | (code >> 6 & 0x3f));
                out[2] = (char) (0x80 | (code & 0x3f));
                return 3;
        }
        out[0] = (char) (0xf0 | code >> 18);
        out[1] = (char) (0x80 | (code >> 12 & 0x3f));
        out[2] = (char) (0x80 | (code >> 6 & 0x3f));
        out[3] = (char) (0x80 | (code & 0x3f));
        return 4;
}

char *canvas_row(const Canvas *canvas, int y) {
        char *row = malloc((size_t) canvas->width * 4 + 1);
        size_t size = 0;

        if (!row)
                return NULL;
        for (int x = 0; x < canvas->width; x++)
                if (cell_at(canvas, y, x)->code != 0)
                        size += encode(cell_at(canvas, y, x)->code, row + size);
        while (size > 0 && row[size - 1] == ' ')
                size--;
        row[size] = '\0';
        return row;
}
