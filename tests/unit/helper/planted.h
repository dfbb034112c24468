#pragma once
/* What an attacker plants in the place of a file or directory of ours, and whether what is outside
 * of the state directory is still as it was. */
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/socket.h>

#include "tests/unit/helper/fixture.h"

typedef enum PlantedKind {
        PLANTED_LINK,           /* symbolic, to the thing itself, moved outside */
        PLANTED_LINK_TO_ROOTS,  /* to a file or directory of root's */
        PLANTED_LINK_TO_ITSELF,
        PLANTED_LINK_TO_NOTHING, /* that would be made outside */
        PLANTED_NAME,           /* a hard link: the thing has another name outside */
        PLANTED_NAME_OF_ROOTS,  /* a second name of a file of root's */
        PLANTED_NAME_OF_GROUPS, /* likewise of one with another group */
        PLANTED_FIFO,
        PLANTED_SOCKET,
        PLANTED_CHARACTER_DEVICE,
        PLANTED_BLOCK_DEVICE,
        PLANTED_DIRECTORY,      /* in the place of a file */
        PLANTED_FILE,           /* in the place of a directory */
        _PLANTED_MAX,
} PlantedKind;

static const char *const planted_names[_PLANTED_MAX] = {
        [PLANTED_LINK] = "a link to itself outside",
        [PLANTED_LINK_TO_ROOTS] = "a link to root's",
        [PLANTED_LINK_TO_ITSELF] = "a link that goes round",
        [PLANTED_LINK_TO_NOTHING] = "a link to nothing",
        [PLANTED_NAME] = "a hard link of itself",
        [PLANTED_NAME_OF_ROOTS] = "a hard link of root's",
        [PLANTED_NAME_OF_GROUPS] = "a hard link of root's with another group",
        [PLANTED_FIFO] = "a FIFO",
        [PLANTED_SOCKET] = "a socket",
        [PLANTED_CHARACTER_DEVICE] = "a character device",
        [PLANTED_BLOCK_DEVICE] = "a block device",
        [PLANTED_DIRECTORY] = "a directory",
        [PLANTED_FILE] = "a file",
};

static inline bool planted_fits(PlantedKind kind, bool directory) {
        switch (kind) {
        case PLANTED_NAME:
        case PLANTED_NAME_OF_ROOTS:
        case PLANTED_NAME_OF_GROUPS:
        case PLANTED_DIRECTORY:
                return !directory;
        case PLANTED_FILE:
                return directory;
        case PLANTED_LINK:
        case PLANTED_LINK_TO_ROOTS:
        case PLANTED_LINK_TO_ITSELF:
        case PLANTED_LINK_TO_NOTHING:
        case PLANTED_FIFO:
        case PLANTED_SOCKET:
        case PLANTED_CHARACTER_DEVICE:
        case PLANTED_BLOCK_DEVICE:
        case _PLANTED_MAX:
        default:
                return true;
        }
}

/* Makes what is outside: of root's, with another group, and a place for what is moved there. */
static inline void planted_prepare(const Fixture *fixture) {
        char path[256];

        fixture_mkdir(fixture, "outside");
        fixture_mkdir(fixture, "outside/directory");
        fixture_write(fixture, "outside/directory/file", "a canary");
        fixture_write(fixture, "outside/roots", "a canary of root's");
        fixture_write(fixture, "outside/groups", "another canary of root's");
        fixture_path(fixture, "outside/groups", path, sizeof(path));
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(chown(path, 0, 42), 0);
}

static inline void planted_socket(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_true(snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) <
                    (int) sizeof(address.sun_path));
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        close_fd(fd);
}

/* What is there goes outside, to outside/moved. */
static inline void planted_plant(const Fixture *fixture, const char *at, PlantedKind kind,
                                 bool directory) {
        char path[256], moved[256], roots[256], groups[256], nothing[256];
        int r = 0;

        fixture_path(fixture, at, path, sizeof(path));
        fixture_path(fixture, "outside/moved", moved, sizeof(moved));
        fixture_path(fixture, directory ? "outside/directory" : "outside/roots", roots,
                     sizeof(roots));
        fixture_path(fixture, "outside/groups", groups, sizeof(groups));
        fixture_path(fixture, "outside/nothing", nothing, sizeof(nothing));
        assert_true(rename(path, moved) == 0 || errno == ENOENT);
        switch (kind) {
        case PLANTED_LINK:
                r = symlink(moved, path);
                break;
        case PLANTED_LINK_TO_ROOTS:
                r = symlink(roots, path);
                break;
        case PLANTED_LINK_TO_ITSELF:
                r = symlink(path, path);
                break;
        case PLANTED_LINK_TO_NOTHING:
                r = symlink(nothing, path);
                break;
        case PLANTED_NAME:
                r = link(access(moved, F_OK) == 0 ? moved : roots, path);
                break;
        case PLANTED_NAME_OF_ROOTS:
                r = link(roots, path);
                break;
        case PLANTED_NAME_OF_GROUPS:
                r = link(groups, path);
                break;
        case PLANTED_FIFO:
                r = mkfifo(path, 0666);
                break;
        case PLANTED_SOCKET:
                planted_socket(path);
                break;
        case PLANTED_CHARACTER_DEVICE:
                r = mknod(path, S_IFCHR | 0666, makedev(1, 3)); /* as /dev/null */
                break;
        case PLANTED_BLOCK_DEVICE:
                r = mknod(path, S_IFBLK | 0666, makedev(259, 1048575)); /* that nobody has */
                break;
        case PLANTED_DIRECTORY:
                r = mkdir(path, 0755);
                break;
        case PLANTED_FILE:
                fixture_write(fixture, at, "a file");
                break;
        case _PLANTED_MAX:
        default:
                r = -1;
                break;
        }
        assert_int_equal(r, 0);
}

/* nftw(3) has no userdata. */
static FILE *planted_out;

static inline int planted_note(const char *path, const struct stat *st, _unused_ int type,
                               _unused_ struct FTW *ftw) {
        fprintf(planted_out, "%s %o %u:%u %ld", path, (unsigned) st->st_mode, st->st_uid,
                st->st_gid, S_ISDIR(st->st_mode) ? 0L : (long) st->st_size);
        if (S_ISREG(st->st_mode)) {
                FILE *in = fopen(path, "re");
                int c;

                assert_non_null(in);
                fputc(' ', planted_out);
                /* The first bytes tell; disks are long and hollow. */
                for (int i = 0; i < 64 && (c = fgetc(in)) != EOF; i++)
                        fputc(c == 0 ? '.' : c, planted_out);
                assert_int_equal(fclose(in), 0);
        }
        fputc('\n', planted_out);
        return 0;
}

/* All that is outside: names, types, modes, owners, sizes, contents. The caller frees it. */
static inline char *planted_look(const Fixture *fixture) {
        char path[256];
        char *text = NULL;
        size_t size = 0;

        fixture_path(fixture, "outside", path, sizeof(path));
        planted_out = open_memstream(&text, &size);
        assert_non_null(planted_out);
        assert_int_equal(nftw(path, planted_note, 16, FTW_PHYS), 0);
        assert_int_equal(fclose(planted_out), 0);
        return text;
}
