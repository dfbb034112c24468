#pragma once
/* A store of disks in a fixture: one image and one VM's files. */
#include "helper/disk.h"
#include "helper/loops.h"
#include "tests/unit/helper/fixture.h"

#define IMAGE "aaaaaaaaaa"
#define OTHER_IMAGE "bbbbbbbbbb"
#define COW_NAME "vms/0123456789/root.cow"
#define COW "state/" COW_NAME
#define NAMES "state/jails/.names"
#define NAME NAMES "/file"
#define OWNER 4242

static const VmId vm = {.text = "0123456789"};

static inline void store_set_size(const Fixture *fixture, const char *path, off_t size) {
        char full[256];

        fixture_path(fixture, path, full, sizeof(full));
        assert_int_equal(truncate(full, size), 0);
}

/* A store with one image and one VM. */
static inline void store_make(const Fixture *fixture) {
        fixture_mkdir(fixture, "state/images");
        fixture_mkdir(fixture, "state/jails");
        fixture_mkdir(fixture, "state/vms");
        fixture_mkdir(fixture, "state/vms/0123456789");
        fixture_write(fixture, "state/images/" IMAGE ".ext4", "");
        fixture_write(fixture, "state/vms/0123456789/root.cow", "");
        store_set_size(fixture, "state/images/" IMAGE ".ext4", 1048576 + 100);
        store_set_size(fixture, "state/vms/0123456789/root.cow", 2097152);
}

static inline DiskPlan store_plan(bool work) {
        return (DiskPlan) {.vm = &vm, .image = IMAGE, .owner = getuid(), .work = work};
}

static inline void store_make_work(const Fixture *fixture, off_t size) {
        store_make(fixture);
        fixture_write(fixture, "state/vms/0123456789/work.img", "");
        store_set_size(fixture, "state/vms/0123456789/work.img", size);
}

/* The real host, for its loops; the state is the fixture's. False: it has none. */
static inline bool store_open_host(const Fixture *fixture, HostPaths *paths, Host *host) {
        *paths = host_paths_default;
        paths->state = fixture->state;
        assert_int_equal(host_open(paths, host, NULL), 0);
        return faccessat(host->dev_fd, "loop-control", R_OK | W_OK, 0) >= 0;
}

static inline void store_said(const Fixture *fixture, const char *part) {
        if (!fixture->error.message || !strstr(fixture->error.message, part))
                fail_msg("\"%s\" is not in \"%s\"", part, fixture->error.message);
}
