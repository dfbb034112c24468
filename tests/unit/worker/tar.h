#pragma once
/* Tars, made with libarchive: also such as no tar program would make. */

#include <archive.h>
#include <archive_entry.h>

#include "tests/unit/worker/fixture.h"

typedef struct TarFile {
        const char *path;
        mode_t mode; /* with its type; 0: 0644 of a file */
        const char *content, *target, *link; /* link: of a hard link */
        unsigned uid, gid, major, minor;
        int64_t mtime;
        long mtime_ns;
        const char *xattr, *value;
} TarFile;

/* "none", "gzip", "xz", …; fd is borrowed. */
static inline struct archive *tar_open(int fd, const char *filter) {
        struct archive *tar = archive_write_new();

        assert_int_equal(archive_write_set_format_pax(tar), ARCHIVE_OK);
        if (strcmp(filter, "none") != 0)
                assert_int_equal(archive_write_add_filter_by_name(tar, filter), ARCHIVE_OK);
        assert_int_equal(archive_write_open_fd(tar, fd), ARCHIVE_OK);
        return tar;
}

static inline struct archive_entry *tar_entry(const TarFile *file) {
        struct archive_entry *entry = archive_entry_new();

        archive_entry_set_pathname(entry, file->path);
        archive_entry_set_mode(entry, file->mode ? file->mode : (S_IFREG | 0644));
        archive_entry_set_uid(entry, file->uid);
        archive_entry_set_gid(entry, file->gid);
        archive_entry_set_mtime(entry, file->mtime, file->mtime_ns);
        archive_entry_set_rdevmajor(entry, file->major);
        archive_entry_set_rdevminor(entry, file->minor);
        archive_entry_set_size(entry, file->content ? (int64_t) strlen(file->content) : 0);
        if (file->target)
                archive_entry_set_symlink(entry, file->target);
        if (file->link)
                archive_entry_set_hardlink(entry, file->link);
        if (file->xattr)
                archive_entry_xattr_add_entry(entry, file->xattr, file->value,
                                              strlen(file->value));
        return entry;
}

static inline void tar_add(struct archive *tar, const TarFile *file) {
        struct archive_entry *entry = tar_entry(file);

        assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
        if (file->content)
                assert_int_equal(archive_write_data(tar, file->content, strlen(file->content)),
                                 strlen(file->content));
        archive_entry_free(entry);
}

static inline void tar_close(struct archive *tar) {
        assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
        assert_int_equal(archive_write_free(tar), ARCHIVE_OK);
}

/* A tar of these files as "tar" in the fixture's directory; the descriptor is the caller's. */
static inline int tar_make(const Fixture *fixture, const TarFile *files, size_t n,
                           const char *filter) {
        int fd = fixture_create(fixture, "tar");
        struct archive *tar = tar_open(fd, filter);

        for (size_t i = 0; i < n; i++)
                tar_add(tar, &files[i]);
        tar_close(tar);
        return fd;
}
