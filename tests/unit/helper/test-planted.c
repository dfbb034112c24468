/* At every component of every path that the helper works on: links, FIFOs, devices, sockets,
 * directories and files in each other's place; also swapped while it works. It says no, or takes
 * what is planted away; what is outside stays as it was. */
#include <pthread.h>
#include <stdatomic.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "helper/disk.h"
#include "helper/jail.h"
#include "helper/jails.h"
#include "helper/session.h"
#include "helper/sockets.h"
#include "tests/unit/helper/planted.h"

#define VM "0123456789"
#define IMAGE "aaaaaaaaaa"
#define KERNEL "abcdefabcd"
#define OWNER 4242
#define VM_UID 60579
#define OTHER_UID 60580 /* another VM's */

#define JAILS "state/jails"
#define JAIL JAILS "/firecracker/" VM
#define SOCKET "jails/firecracker/" VM "/root/run/api"

#define RACES 200
#define RACE_TIMEOUT_USEC (60 * USEC_PER_SEC)

typedef struct Planted {
        Fixture *fixture;
        HostPaths paths;
        Host host;
        bool ready; /* this sandbox can plant all of it */
} Planted;

/* ---- a state directory with all that there is ---- */

static void give(const Fixture *fixture, const char *path, uid_t uid, mode_t mode) {
        char full[256];

        fixture_path(fixture, path, full, sizeof(full));
        assert_int_equal(chown(full, uid, uid), 0);
        assert_int_equal(chmod(full, mode), 0);
}

static void add_directory(const Fixture *fixture, const char *path, uid_t uid, mode_t mode) {
        fixture_mkdir(fixture, path);
        give(fixture, path, uid, mode);
}

static void add_file(const Fixture *fixture, const char *path, uid_t uid, mode_t mode, off_t size) {
        char full[256];

        fixture_write(fixture, path, "");
        fixture_path(fixture, path, full, sizeof(full));
        assert_int_equal(truncate(full, size), 0);
        give(fixture, path, uid, mode);
}

static void add_node(const Fixture *fixture, const char *path, unsigned minor_number) {
        char full[256];

        fixture_path(fixture, path, full, sizeof(full));
        assert_int_equal(mknod(full, S_IFBLK | 0600, makedev(253, minor_number)), 0);
        assert_int_equal(chown(full, VM_UID, VM_UID), 0);
}

static void add_jail(const Fixture *fixture) {
        char path[256];

        add_directory(fixture, JAILS "/firecracker", 0, 0700);
        add_directory(fixture, JAIL, 0, 0700);
        add_directory(fixture, JAIL "/root", 0, 0700);
        add_directory(fixture, JAIL "/root/run", VM_UID, 0700);
        add_node(fixture, JAIL "/root/root.img", 7);
        add_node(fixture, JAIL "/root/work.img", 9);
        fixture_path(fixture, "state/" SOCKET, path, sizeof(path));
        planted_socket(path);
        assert_int_equal(lchown(path, VM_UID, VM_UID), 0);
}

static void add_all(const Fixture *fixture) {
        planted_prepare(fixture);
        fixture_mkdir(fixture, "sys/block");
        add_directory(fixture, "state/images", OWNER, 0700);
        add_file(fixture, "state/images/" IMAGE ".ext4", OWNER, 0600, 1048576);
        add_directory(fixture, "state/vms", OWNER, 0700);
        add_directory(fixture, "state/vms/" VM, OWNER, 0700);
        add_file(fixture, "state/vms/" VM "/root.cow", OWNER, 0600, 1048576);
        add_file(fixture, "state/vms/" VM "/work.img", OWNER, 0600, 1048576);
        add_directory(fixture, "state/kernels", OWNER, 0700);
        add_directory(fixture, "state/kernels/" KERNEL, OWNER, 0700);
        add_file(fixture, "state/kernels/" KERNEL "/vmlinux", OWNER, 0444, 1);
        add_file(fixture, "state/kernels/" KERNEL "/initrd", OWNER, 0444, 1);
        add_file(fixture, "state/kernels/" KERNEL "/modules.ext4", OWNER, 0444, 1);
        add_directory(fixture, JAILS, 0, 0711);
        add_directory(fixture, JAILS "/.names", 0, 0700);
        add_jail(fixture);
}

static bool can_plant(const Fixture *fixture) {
        char path[256];

        fixture_path(fixture, "node", path, sizeof(path));
        return getuid() == 0 && mknod(path, S_IFBLK | 0600, makedev(253, 7)) == 0 &&
               unlink(path) == 0;
}

static int setup(void **state) {
        Planted *planted = calloc(1, sizeof(*planted));
        void *fixture = NULL;

        assert_non_null(planted);
        assert_int_equal(fixture_setup(&fixture), 0);
        planted->fixture = fixture;
        planted->host = HOST_INIT;
        planted->paths = planted->fixture->paths;
        planted->paths.proc = "/proc";
        planted->ready = can_plant(planted->fixture);
        if (planted->ready)
                add_all(planted->fixture);
        assert_int_equal(host_open(&planted->paths, &planted->host, NULL), 0);
        *state = planted;
        return 0;
}

static int teardown(void **state) {
        Planted *planted = *state;
        void *fixture = planted->fixture;

        host_close(&planted->host);
        free(planted);
        return fixture_teardown(&fixture);
}

/* ---- the verbs' own work, without the kernel's devices ---- */

static const VmId vm = {.text = VM};

static int attach(Planted *planted, Error *reterr) {
        const DiskPlan plan = {.vm = &vm, .image = IMAGE, .owner = OWNER, .work = true};
        DiskFiles files = DISK_FILES_INIT;
        int r = disk_open_named_files(&planted->host, &plan, &files, reterr);

        disk_close_files(&files);
        return r;
}

static int grow(Planted *planted, Error *reterr) {
        const DiskPlan plan = {.vm = &vm, .owner = OWNER};

        return disk_grow_changes(&planted->host, &plan, 2097152, reterr);
}

static int make(Planted *planted, Error *reterr) {
        const JailPlan plan = {
                .vm = vm,
                .uid = VM_UID,
                .owner = OWNER,
                .kernel = KERNEL,
                .drives = {[DEVICE_ROOT] = makedev(253, 7)},
        };
        int listener = -1, r;

        r = jail_remove(&planted->host, &vm, reterr);
        if (r >= 0)
                r = jail_make(&planted->host, &plan, &listener, reterr);
        close_fd(listener);
        return r;
}

static int remove_it(Planted *planted, Error *reterr) {
        return jail_remove(&planted->host, &vm, reterr);
}

static int launch(Planted *planted, Error *reterr) {
        dev_t drives[_DEVICE_ROLE_MAX] = {0};

        return jail_drives(&planted->host, &vm, VM_UID, drives, reterr);
}

static int hand_over(Planted *planted, Error *reterr) {
        int fd = -1, r;

        r = socket_open(&planted->host, SOCKET, VM_UID, OWNER, &fd, reterr);
        close_fd(fd);
        return r;
}

static int list(Planted *planted, Error *reterr) {
        Inventory inventory = {};
        int r = jails_read(&planted->host, &inventory, reterr);

        schema_clear(&inventory_schema, &inventory);
        return r;
}

static int lock(Planted *planted, Error *reterr) {
        const SessionConfig config = {.paths = &planted->paths};
        _cleanup_session_ Session session = SESSION_INIT;
        VmId id;

        session.config = &config;
        return session_vm(&session, VM, &id, reterr);
}

/* ---- every place ---- */

typedef enum Wanted {
        WANTED_REFUSED,
        WANTED_HARMLESS, /* it may succeed: what is planted is taken away, or is as good */
} Wanted;

typedef struct Place {
        const char *verb;
        int (*run)(Planted *planted, Error *reterr);
        const char *path;
        bool directory;
        const char *said; /* in the refusal */
        Wanted wanted;
        bool names; /* a second name of what is the owner's does not matter */
} Place;

#define DIRECTORY true
#define FILE_OR_NODE false

static const Place places[] = {
        {"DiskAttach", attach, "state/images", DIRECTORY, .said = "images/" IMAGE ".ext4"},
        {"DiskAttach", attach, "state/images/" IMAGE ".ext4", FILE_OR_NODE,
         .said = "images/" IMAGE ".ext4"},
        {"DiskAttach", attach, "state/vms", DIRECTORY, .said = "vms/" VM "/root.cow"},
        {"DiskAttach", attach, "state/vms/" VM, DIRECTORY, .said = "vms/" VM "/root.cow"},
        {"DiskAttach", attach, "state/vms/" VM "/root.cow", FILE_OR_NODE,
         .said = "vms/" VM "/root.cow"},
        {"DiskAttach", attach, "state/vms/" VM "/work.img", FILE_OR_NODE,
         .said = "vms/" VM "/work.img"},
        {"DiskAttach", attach, JAILS, DIRECTORY, .said = "jails"},
        {"DiskAttach", attach, JAILS "/.names", DIRECTORY, .said = "directory of names"},
        {"DiskAttach", attach, JAILS "/.names/file", FILE_OR_NODE,
         .said = "earlier name", .wanted = WANTED_HARMLESS},
        {"DiskGrow", grow, "state/vms", DIRECTORY, .said = "vms/" VM "/root.cow"},
        {"DiskGrow", grow, "state/vms/" VM, DIRECTORY, .said = "vms/" VM "/root.cow"},
        {"DiskGrow", grow, "state/vms/" VM "/root.cow", FILE_OR_NODE,
         .said = "vms/" VM "/root.cow"},
        {"DiskGrow", grow, JAILS, DIRECTORY, .said = "jails"},
        {"DiskGrow", grow, JAILS "/.names/file", FILE_OR_NODE,
         .said = "earlier name", .wanted = WANTED_HARMLESS},
        {"JailMake", make, "state/kernels", DIRECTORY, .said = "kernel " KERNEL},
        {"JailMake", make, "state/kernels/" KERNEL, DIRECTORY, .said = "kernel " KERNEL},
        {"JailMake", make, "state/kernels/" KERNEL "/vmlinux", FILE_OR_NODE,
         .said = "vmlinux of kernel",
         .names = true},
        {"JailMake", make, "state/kernels/" KERNEL "/initrd", FILE_OR_NODE,
         .said = "initrd of kernel",
         .names = true},
        {"JailMake", make, "state/kernels/" KERNEL "/modules.ext4", FILE_OR_NODE,
         .said = "modules.ext4 of kernel", .names = true},
        {"JailMake", make, JAILS, DIRECTORY, .said = "jails' directory"},
        {"JailMake", make, JAILS "/firecracker", DIRECTORY, .said = "jails' directory"},
        {"JailMake", make, JAIL, DIRECTORY, .said = "jail", .wanted = WANTED_HARMLESS},
        {"JailMake", make, JAIL "/root", DIRECTORY, .said = "jail", .wanted = WANTED_HARMLESS},
        {"JailMake", make, JAIL "/root/run", DIRECTORY, .said = "jail", .wanted = WANTED_HARMLESS},
        {"JailRemove", remove_it, JAILS, DIRECTORY, .said = "jails' directory"},
        {"JailRemove", remove_it, JAILS "/firecracker", DIRECTORY, .said = "jails' directory"},
        {"JailRemove", remove_it, JAIL, DIRECTORY, .said = "jail", .wanted = WANTED_HARMLESS},
        {"JailRemove", remove_it, JAIL "/root", DIRECTORY,
         .said = "jail", .wanted = WANTED_HARMLESS},
        {"JailRemove", remove_it, JAIL "/root/root.img", FILE_OR_NODE,
         .said = "jail", .wanted = WANTED_HARMLESS},
        {"JailRemove", remove_it, JAIL "/root/run", DIRECTORY,
         .said = "jail", .wanted = WANTED_HARMLESS},
        {"JailRemove", remove_it, "state/" SOCKET, FILE_OR_NODE,
         .said = "jail", .wanted = WANTED_HARMLESS},
        {"Launch", launch, JAILS, DIRECTORY, .said = "jail of vm"},
        {"Launch", launch, JAILS "/firecracker", DIRECTORY, .said = "jail of vm"},
        {"Launch", launch, JAIL, DIRECTORY, .said = "jail of vm"},
        {"Launch", launch, JAIL "/root", DIRECTORY, .said = "jail of vm"},
        {"Sockets", hand_over, JAILS, DIRECTORY, .said = "cannot be opened"},
        {"Sockets", hand_over, JAILS "/firecracker", DIRECTORY, .said = "cannot be opened"},
        {"Sockets", hand_over, JAIL, DIRECTORY, .said = "cannot be opened"},
        {"Sockets", hand_over, JAIL "/root", DIRECTORY, .said = "cannot be opened"},
        {"Sockets", hand_over, JAIL "/root/run", DIRECTORY, .said = "cannot be opened"},
        {"Inventory", list, JAILS, DIRECTORY, .said = "jails' directory"},
        {"Inventory", list, JAILS "/firecracker", DIRECTORY, .said = "jails' directory"},
        {"Inventory", list, JAIL, DIRECTORY, .said = "jails", .wanted = WANTED_HARMLESS},
        {"any", lock, JAILS, DIRECTORY, .said = "lock"},
        {"any", lock, JAILS "/.lock", FILE_OR_NODE, .said = "lock", .wanted = WANTED_HARMLESS},
};

static void try_one(const Place *place, PlantedKind kind) {
        _cleanup_free_ char *before = NULL, *after = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        void *state = NULL;
        Planted *planted;
        int r;

        assert_int_equal(setup(&state), 0);
        planted = state;
        planted_plant(planted->fixture, place->path, kind, place->directory);
        before = planted_look(planted->fixture);
        r = place->run(planted, &error);
        after = planted_look(planted->fixture);
        if (strcmp(before, after) != 0)
                fail_msg("%s of %s at %s changed this:\n%s\ninto this:\n%s", place->verb,
                         planted_names[kind], place->path, before, after);
        if (r >= 0 && place->wanted == WANTED_REFUSED && !(kind == PLANTED_NAME && place->names))
                fail_msg("%s took %s at %s", place->verb, planted_names[kind], place->path);
        if (r < 0 && (!error.message || !strstr(error.message, place->said)))
                fail_msg("%s of %s at %s: \"%s\" does not say \"%s\"", place->verb,
                         planted_names[kind], place->path, error.message, place->said);
        assert_int_equal(teardown(&state), 0);
}

static void what_is_planted_is_refused_or_taken_away_and_nothing_outside_changes(void **state) {
        const Planted *planted = *state;

        if (!planted->ready)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                for (int kind = 0; kind < _PLANTED_MAX; kind++)
                        if (planted_fits((PlantedKind) kind, places[i].directory))
                                try_one(&places[i], (PlantedKind) kind);
}

/* All of it would be fine, or the test above would prove nothing. */
static void without_anything_planted_each_of_them_succeeds(void **state) {
        const Planted *planted = *state;

        if (!planted->ready)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                void *own = NULL;

                assert_int_equal(setup(&own), 0);
                if (places[i].run(own, &error) < 0)
                        fail_msg("%s: %s", places[i].verb, error.message);
                assert_int_equal(teardown(&own), 0);
        }
}

/* The socket and the drives, which are no files: each by what may stand there. */
static void only_a_socket_is_handed_over(void **state) {
        const Place place = {"Sockets", hand_over, "state/" SOCKET, FILE_OR_NODE, .said = ""};
        const Planted *planted = *state;

        if (!planted->ready)
                skip();
        for (int kind = 0; kind < _PLANTED_MAX; kind++)
                /* A second name of the VM's own socket is that socket. */
                if (planted_fits((PlantedKind) kind, false) && kind != PLANTED_NAME)
                        try_one(&place, (PlantedKind) kind);
}

static void only_a_block_device_is_a_drive(void **state) {
        static const char *const paths[] = {JAIL "/root/root.img", JAIL "/root/work.img"};
        const Planted *planted = *state;

        if (!planted->ready)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                for (int kind = 0; kind < _PLANTED_MAX; kind++) {
                        const Place place = {"Launch", launch, paths[i], FILE_OR_NODE,
                                             .said = "was used already"};

                        /* By its number it is compared with the VM's own afterwards (launch.c). */
                        if (planted_fits((PlantedKind) kind, false) && kind != PLANTED_NAME &&
                            kind != PLANTED_BLOCK_DEVICE)
                                try_one(&place, (PlantedKind) kind);
                }
}

/* ---- of another VM's uid ---- */

static int give_to_other(const char *path, _unused_ const struct stat *st, _unused_ int type,
                         _unused_ struct FTW *ftw) {
        return lchown(path, OTHER_UID, OTHER_UID);
}

static void a_directory_of_another_vms_uid_is_refused(void **state) {
        static const Place given[] = {
                {"DiskAttach", attach, "state/vms/" VM, DIRECTORY, .said = "belongs to uid 60580"},
                {"DiskAttach", attach, "state/images", DIRECTORY, .said = "belongs to uid 60580"},
                {"DiskGrow", grow, "state/vms/" VM, DIRECTORY, .said = "belongs to uid 60580"},
                {"JailMake", make, "state/kernels/" KERNEL, DIRECTORY,
         .said = "belongs to uid 60580"},
                {"Launch", launch, JAIL "/root", DIRECTORY, .said = "was used already"},
                {"Launch", launch, JAIL, DIRECTORY, .said = "was used already"},
                {"Sockets", hand_over, JAIL, DIRECTORY,
         .said = "belongs to uid 60580 instead of 60579"},
        };
        const Planted *planted = *state;

        if (!planted->ready)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(given); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                void *own = NULL;
                char path[256];
                int r;

                assert_int_equal(setup(&own), 0);
                planted = own;
                fixture_path(planted->fixture, given[i].path, path, sizeof(path));
                assert_int_equal(nftw(path, give_to_other, 16, FTW_PHYS), 0);
                r = given[i].run(own, &error);
                if (r >= 0 || !strstr(error.message, given[i].said))
                        fail_msg("%s of %s: %s", given[i].verb, given[i].path,
                                 r >= 0 ? "taken" : error.message);
                assert_int_equal(teardown(&own), 0);
        }
}

/* It is made anew as root's, whoever's it was. */
static void a_jail_of_another_vms_uid_is_replaced(void **state) {
        Planted *planted = *state;
        struct stat st;
        char path[256];

        if (!planted->ready)
                skip();
        fixture_path(planted->fixture, JAIL, path, sizeof(path));
        assert_int_equal(nftw(path, give_to_other, 16, FTW_PHYS), 0);
        assert_int_equal(make(planted, NULL), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(st.st_mode & 07777, 0700);
}

/* ---- while it works ---- */

typedef struct Swapper {
        char path[256], other[256];
        atomic_bool started, stop, failed;
        pthread_t thread;
} Swapper;

static void *swap(void *userdata) {
        Swapper *swapper = userdata;

        while (!atomic_load(&swapper->stop)) {
                if (renameat2(AT_FDCWD, swapper->path, AT_FDCWD, swapper->other,
                              RENAME_EXCHANGE) < 0 && errno != ENOENT)
                        atomic_store(&swapper->failed, true);
                atomic_store(&swapper->started, true);
        }
        return NULL;
}

/* Back and forth, with what was planted; the thing itself lies beside it. */
static void swap_start(Planted *planted, Swapper *swapper, const char *at, PlantedKind kind,
                       bool directory) {
        char moved[256];

        fixture_path(planted->fixture, at, swapper->path, sizeof(swapper->path));
        fixture_path(planted->fixture, "outside/moved", moved, sizeof(moved));
        fixture_path(planted->fixture, "state/beside", swapper->other, sizeof(swapper->other));
        planted_plant(planted->fixture, at, kind, directory);
        /* A link goes on leading to a copy that is as good, and outside. */
        if (kind == PLANTED_LINK) {
                char command[640];

                (void) snprintf(command, sizeof(command), "cp -a %s %s", moved, swapper->other);
                assert_int_equal(system(command), 0); /* NOLINT */
        } else
                assert_int_equal(rename(moved, swapper->other), 0);
        assert_int_equal(pthread_create(&swapper->thread, NULL, swap, swapper), 0);
        while (!atomic_load(&swapper->started))
                ;
}

static void swap_end(Swapper *swapper) {
        atomic_store(&swapper->stop, true);
        assert_int_equal(pthread_join(swapper->thread, NULL), 0);
        assert_false(atomic_load(&swapper->failed));
}

/* Until it has been both, and often enough; with pauses, where the swapper is given no processor. */
static void race(const Place *place, PlantedKind kind) {
        const uint64_t deadline_usec = clock_monotonic_usec() + RACE_TIMEOUT_USEC;
        _cleanup_free_ char *before = NULL, *after = NULL;
        unsigned n_taken = 0, n_refused = 0;
        Swapper swapper = {};
        void *state = NULL;
        Planted *planted;

        assert_int_equal(setup(&state), 0);
        planted = state;
        swap_start(planted, &swapper, place->path, kind, place->directory);
        before = planted_look(planted->fixture);
        for (unsigned i = 0; i < RACES || ((n_taken == 0 || n_refused == 0) &&
                                           clock_monotonic_usec() < deadline_usec);
             i++) {
                _cleanup_error_ Error error = ERROR_INIT;

                if (i >= RACES)
                        (void) usleep(i % 100);
                *(place->run(planted, &error) < 0 ? &n_refused : &n_taken) += 1;
        }
        swap_end(&swapper);
        after = planted_look(planted->fixture);
        /* What was swapped may lie there now: but for that, all is as before. */
        if (strcmp(before, after) != 0)
                fail_msg("%s while %s is swapped with %s changed this:\n%s\ninto this:\n%s",
                         place->verb, place->path, planted_names[kind], before, after);
        if (n_taken == 0 || n_refused == 0)
                fail_msg("%s while %s is swapped: %u taken, %u refused", place->verb, place->path,
                         n_taken, n_refused);
        assert_int_equal(teardown(&state), 0);
}

static void what_is_swapped_meanwhile_changes_nothing_outside(void **state) {
        static const Place raced[] = {
                {"DiskAttach", attach, "state/vms/" VM "/root.cow", FILE_OR_NODE, .said = ""},
                {"DiskAttach", attach, "state/vms/" VM "/work.img", FILE_OR_NODE, .said = ""},
                {"DiskAttach", attach, "state/images/" IMAGE ".ext4", FILE_OR_NODE, .said = ""},
                {"DiskAttach", attach, "state/vms/" VM, DIRECTORY, .said = ""},
                {"DiskGrow", grow, "state/vms/" VM "/root.cow", FILE_OR_NODE, .said = ""},
                {"DiskGrow", grow, "state/vms/" VM, DIRECTORY, .said = ""},
                {"JailMake", make, "state/kernels/" KERNEL, DIRECTORY, .said = ""},
                {"JailMake", make, "state/kernels/" KERNEL "/vmlinux", FILE_OR_NODE, .said = ""},
                {"Sockets", hand_over, JAIL "/root/run", DIRECTORY, .said = ""},
                {"Sockets", hand_over, "state/" SOCKET, FILE_OR_NODE, .said = ""},
        };
        static const PlantedKind kinds[] = {PLANTED_LINK, PLANTED_LINK_TO_ROOTS, PLANTED_FIFO,
                                            PLANTED_NAME_OF_ROOTS, PLANTED_NAME_OF_GROUPS};
        const Planted *planted = *state;

        if (!planted->ready)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(raced); i++)
                for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                        if (planted_fits(kinds[k], raced[i].directory))
                                race(&raced[i], kinds[k]);
}

/* What is taken is the file itself, never what the link led to. */
static void an_image_or_work_disk_that_is_swapped_is_itself_or_refused(void **state) {
        static const char *const paths[] = {"state/images/" IMAGE ".ext4",
                                            "state/vms/" VM "/work.img"};
        const DiskPlan plan = {.vm = &vm, .image = IMAGE, .owner = OWNER, .work = true};
        const Planted *planted = *state;

        if (!planted->ready)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                Swapper swapper = {};
                unsigned n_taken = 0;
                void *own = NULL;
                struct stat good;
                uint64_t deadline_usec;

                assert_int_equal(setup(&own), 0);
                planted = own;
                swap_start(own, &swapper, paths[i], PLANTED_LINK, false);
                deadline_usec = clock_monotonic_usec() + RACE_TIMEOUT_USEC;
                while (lstat(swapper.path, &good) < 0 || !S_ISREG(good.st_mode))
                        ;
                for (unsigned n = 0;
                     n < RACES || (n_taken == 0 && clock_monotonic_usec() < deadline_usec); n++) {
                        DiskFiles files = DISK_FILES_INIT;
                        struct stat st;

                        if (disk_open_named_files(&planted->host, &plan, &files, NULL) < 0)
                                continue;
                        n_taken++;
                        assert_int_equal(fstat(i == 0 ? files.image_fd : files.work_fd, &st), 0);
                        assert_int_equal(st.st_ino, good.st_ino);
                        disk_close_files(&files);
                }
                swap_end(&swapper);
                assert_true(n_taken > 0);
                assert_int_equal(teardown(&own), 0);
        }
}

static void make_again(const char *path) {
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

/* A VMM that is still there turns a directory into a link to ours while its jail is removed. */
static void a_jail_that_changes_while_it_is_removed_takes_nothing_along(void **state) {
        static const char *const directories[] = {JAIL, JAIL "/root", JAIL "/root/run",
                                                  JAIL "/root/run/deep"};
        _cleanup_free_ char *before = NULL, *after = NULL;
        Planted *planted = *state;
        unsigned n_removed = 0;
        Swapper swapper = {};
        char target[256];

        if (!planted->ready)
                skip();
        assert_int_equal(remove_it(planted, NULL), 0);
        fixture_path(planted->fixture, "outside/directory", target, sizeof(target));
        fixture_path(planted->fixture, JAIL "/root/run/deep", swapper.path, sizeof(swapper.path));
        fixture_path(planted->fixture, "state/beside", swapper.other, sizeof(swapper.other));
        before = planted_look(planted->fixture);
        assert_int_equal(pthread_create(&swapper.thread, NULL, swap, &swapper), 0);
        for (unsigned i = 0; i < 20 * RACES; i++) {
                for (size_t k = 0; k < ELEMENTSOF(directories); k++) {
                        char path[256];

                        fixture_path(planted->fixture, directories[k], path, sizeof(path));
                        make_again(path);
                }
                /* It may be the directory by now, or become it in between. */
                (void) remove(swapper.other);
                (void) !symlink(target, swapper.other);
                n_removed += remove_it(planted, NULL) >= 0;
        }
        swap_end(&swapper);
        after = planted_look(planted->fixture);
        assert_string_equal(before, after);
        assert_true(n_removed > 0);
}

#define PLANTED_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                PLANTED_TEST(without_anything_planted_each_of_them_succeeds),
                PLANTED_TEST(what_is_planted_is_refused_or_taken_away_and_nothing_outside_changes),
                PLANTED_TEST(only_a_socket_is_handed_over),
                PLANTED_TEST(only_a_block_device_is_a_drive),
                PLANTED_TEST(a_directory_of_another_vms_uid_is_refused),
                PLANTED_TEST(a_jail_of_another_vms_uid_is_replaced),
                PLANTED_TEST(what_is_swapped_meanwhile_changes_nothing_outside),
                PLANTED_TEST(an_image_or_work_disk_that_is_swapped_is_itself_or_refused),
                PLANTED_TEST(a_jail_that_changes_while_it_is_removed_takes_nothing_along),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
