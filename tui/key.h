#pragma once
/* Keys as the console knows them: characters are themselves, the rest has names. */

typedef enum Key {
        KEY_CTRL_L = 12,
        KEY_RETURN = 13,
        KEY_ESCAPE = 27,
        KEY_SPACE = 32,
        KEY_ERASE = 127, /* never acts on an object */
        KEY_ARROW_UP = 0x200000, /* past Unicode */
        KEY_ARROW_DOWN,
        KEY_ARROW_LEFT,
        KEY_ARROW_RIGHT,
        KEY_PAGE_UP,
        KEY_PAGE_DOWN,
        KEY_FIRST,
        KEY_LAST,
        KEY_TAB,
        KEY_OTHER, /* known to the terminal, not to us */
} Key;
