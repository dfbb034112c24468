#include "tui/layout.h"

#define HEADER_ROWS 3     /* two of figures, one of tabs */
#define FOOTER_ROWS 2     /* message, keys */
#define BESIDE_WIDTH 120  /* from there on, list and detail side by side */
#define BELOW_WIDTH 80
#define BELOW_HEIGHT 24
#define LIST_ROWS_MIN 5   /* what a detail below leaves to the list, titles included */
#define DETAIL_ROWS_MIN 5

static int least(int a, int b) {
        return a < b ? a : b;
}

Layout layout_screen(int height, int width, bool detail_open, int n_rows, int detail_lines) {
        Layout layout = {
                .tabs = HEADER_ROWS - 1,
                .message = height - FOOTER_ROWS,
                .keys = height - 1,
                .list = {.y = HEADER_ROWS, .height = height - HEADER_ROWS - FOOTER_ROWS,
                         .width = width},
        };
        int room = layout.list.height, wanted = detail_lines + 1, spare;

        if (n_rows == 0)
                return layout;
        if (detail_open) {
                layout.detail = layout.list;
                layout.list = (Rect) {};
        } else if (width >= BESIDE_WIDTH) {
                layout.list.width = width * 3 / 5;
                layout.detail = (Rect) {HEADER_ROWS, layout.list.width + 1, room,
                                        width - layout.list.width - 1};
        } else if (width >= BELOW_WIDTH && height >= BELOW_HEIGHT) {
                /* The list keeps what it fills, the detail what it needs. */
                spare = room - (n_rows + 1);
                wanted = least(wanted, room - LIST_ROWS_MIN);
                if (wanted < DETAIL_ROWS_MIN)
                        wanted = DETAIL_ROWS_MIN;
                if (spare < wanted)
                        wanted = spare > room / 2 ? spare : least(wanted, room / 2);
                layout.list.height = room - wanted;
                layout.detail = (Rect) {HEADER_ROWS + layout.list.height, 0, wanted, width};
        }
        return layout;
}

void layout_columns(LayoutColumn *columns, size_t n, int width) {
        int left = width;

        for (size_t i = 0; i < n; i++)
                columns[i].width = 0;
        for (size_t i = 0; i < n; i++) {
                int needed = columns[i].min + (i > 0 ? LAYOUT_GAP : 0);

                if (i > 0 && needed > left)
                        break;
                columns[i].width = i == 0 ? least(columns[i].min, width) : columns[i].min;
                left -= i == 0 ? columns[i].width : needed;
        }
        for (size_t i = 0; i < n && left > 0; i++) {
                int wanted = least(columns[i].content, columns[i].max) - columns[i].width;
                int more = least(wanted, left);

                if (columns[i].width == 0 || more <= 0)
                        continue;
                columns[i].width += more;
                left -= more;
        }
}
