#include "guest/fstab.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/strings.h"

/* linux/fs/ext4/ext4.h, struct ext4_super_block, which begins at byte 1024. */
#define EXT4_MAGIC_AT (1024 + 0x38)
#define EXT4_UUID_AT (1024 + 0x68)
#define EXT4_LABEL_AT (1024 + 0x78)
#define EXT4_HEAD_SIZE (1024 + 0x88)

static const char *const device_tags[] = {"UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID="};

static bool is_device(const char *source) {
        if (string_after_prefix(source, "/dev/"))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(device_tags); i++)
                if (string_after_prefix(source, device_tags[i]))
                        return true;
        return false;
}

/* The first word of an entry; NULL for a comment or an empty line. */
static int entry_source(const char *line, size_t length, char **ret) {
        const char *end = line + length;

        while (line < end && (*line == ' ' || *line == '\t'))
                line++;
        *ret = NULL;
        if (line == end || *line == '#')
                return 0;
        length = 0;
        while (line + length < end && line[length] != ' ' && line[length] != '\t')
                length++;
        *ret = strndup(line, length);
        return *ret ? 0 : -ENOMEM;
}

int fstab_filter(const char *text, FstabProbe probe, void *userdata, char **ret) {
        _cleanup_free_ char *filtered = malloc(strlen(text) + 1);
        bool dropped = false;
        size_t size = 0;

        if (!filtered)
                return -ENOMEM;
        while (*text) {
                size_t length = strcspn(text, "\n"), whole = length + (text[length] == '\n');
                _cleanup_free_ char *source = NULL;

                if (entry_source(text, length, &source) < 0)
                        return -ENOMEM;
                if (source && is_device(source) && !probe(source, userdata)) {
                        dropped = true;
                } else {
                        memcpy(filtered + size, text, whole);
                        size += whole;
                }
                text += whole;
        }
        filtered[size] = '\0';
        *ret = dropped ? steal_ptr(filtered) : NULL;
        return 0;
}

static void format_uuid(const uint8_t *uuid, char *ret) {
        for (size_t i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *ret++ = '-';
                ret += sprintf(ret, "%02x", uuid[i]);
        }
}

static bool root_matches(const char *root, const char *device) {
        uint8_t head[EXT4_HEAD_SIZE];
        char uuid[37] = "", label[17] = "";
        _cleanup_close_ int fd = open(root, O_RDONLY | O_CLOEXEC);
        const char *wanted;

        if (fd < 0 || pread(fd, head, sizeof(head), 0) != (ssize_t) sizeof(head) ||
            head[EXT4_MAGIC_AT] != 0x53 || head[EXT4_MAGIC_AT + 1] != 0xef)
                return false;
        format_uuid(head + EXT4_UUID_AT, uuid);
        memcpy(label, head + EXT4_LABEL_AT, 16);
        wanted = string_after_prefix(device, "UUID=");
        if (wanted)
                return strcasecmp(wanted, uuid) == 0;
        wanted = string_after_prefix(device, "LABEL=");
        return wanted && *wanted && string_equal(wanted, label);
}

bool fstab_device_exists(const char *device, void *userdata) {
        const char *root = userdata;

        if (device[0] == '/')
                return access(device, F_OK) == 0;
        return root_matches(root, device);
}
