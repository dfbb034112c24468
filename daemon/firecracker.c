#include "daemon/firecracker.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/strings.h"

/* What an error may say; further bytes of a reply are dropped. */
#define REPLY_MAX 4096

/* quiet, loglevel=1, cryptomgr.notests and i8042.*: measured, a third of the boot (doc). reboot=k:
 * a reboot ends the VMM. There is nothing secret in it: every user of the guest can read it. */
#define BOOT_ARGS                                                                                  \
        "console=ttyS0 reboot=k panic=-1 quiet loglevel=1 cryptomgr.notests i8042.noaux "           \
        "i8042.nomux i8042.dumbkbd"

struct Firecracker {
        CURL *curl;
        struct curl_slist *headers;
        char socket_path[32];
        char reply[REPLY_MAX + 1];
        size_t reply_size;
};

typedef struct Fault {
        char *fault_message;
} Fault;

static const Field fault_fields[] = {
        {.name = "fault_message",
         .type = FIELD_STRING,
         .offset = offsetof(Fault, fault_message),
         .required = true,
         .max = REPLY_MAX,
         .summary = "What is wrong"},
};

static const Schema fault_schema = {
        .name = "Fault",
        .size = sizeof(Fault),
        .fields = fault_fields,
        .n_fields = ELEMENTSOF(fault_fields),
};

int firecracker_initialize(void) {
        return curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK ? 0 : -ENOMEM;
}

static size_t on_reply(char *bytes, size_t size, size_t n, void *userdata) {
        Firecracker *firecracker = userdata;
        size_t left = REPLY_MAX - firecracker->reply_size;
        size_t taken = size * n < left ? size * n : left;

        memcpy(firecracker->reply + firecracker->reply_size, bytes, taken);
        firecracker->reply_size += taken;
        firecracker->reply[firecracker->reply_size] = '\0';
        return size * n;
}

static CURLcode set_up(Firecracker *firecracker) {
        CURL *curl = firecracker->curl;
        CURLcode c;

        c = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, firecracker->socket_path);
        if (c == CURLE_OK)
                c = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, firecracker->headers);
        if (c == CURLE_OK)
                c = curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
        if (c == CURLE_OK)
                c = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_reply);
        if (c == CURLE_OK)
                c = curl_easy_setopt(curl, CURLOPT_WRITEDATA, (void *) firecracker);
        /* Threads: no SIGALRM. The environment has no say where this goes. */
        if (c == CURLE_OK)
                c = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        if (c == CURLE_OK)
                c = curl_easy_setopt(curl, CURLOPT_PROXY, "");
        if (c == CURLE_OK)
                c = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
        return c;
}

int firecracker_new(int socket_fd, Firecracker **ret) {
        Firecracker *firecracker = calloc(1, sizeof(*firecracker));

        if (!firecracker)
                return -ENOMEM;
        (void) snprintf(firecracker->socket_path, sizeof(firecracker->socket_path),
                        "/proc/self/fd/%d", socket_fd);
        firecracker->curl = curl_easy_init();
        firecracker->headers = curl_slist_append(NULL, "Content-Type: application/json");
        if (!firecracker->curl || !firecracker->headers || set_up(firecracker) != CURLE_OK) {
                firecracker_free(firecracker);
                return -ENOMEM;
        }
        *ret = firecracker;
        return 0;
}

Firecracker *firecracker_free(Firecracker *firecracker) {
        if (!firecracker)
                return NULL;
        curl_easy_cleanup(firecracker->curl);
        curl_slist_free_all(firecracker->headers);
        free(firecracker);
        return NULL;
}

/* The VMM's words where it said some. */
static int refused(const Firecracker *firecracker, long status, const char *path, Error *reterr) {
        _cleanup_json_ struct json_object *object = NULL;
        Fault fault = {};
        int r;

        if (json_parse_object(firecracker->reply, firecracker->reply_size, &object, NULL) >= 0 &&
            schema_decode(&fault_schema, object, &fault, NULL) >= 0) {
                r = error_set(reterr, ERROR_FAILED, EIO, "Firecracker refused %s: %s", path,
                              fault.fault_message);
                schema_clear(&fault_schema, &fault);
                return r;
        }
        return error_set(reterr, ERROR_FAILED, EIO, "Firecracker answered %s with status %ld", path,
                         status);
}

int firecracker_put(Firecracker *firecracker, const char *path, const char *body,
                    uint64_t deadline_usec, Error *reterr) {
        /* Never 0, which would be no time-out at all. */
        long timeout_ms = clock_poll_timeout(deadline_usec) + 1;
        char url[128];
        long status = 0;
        CURLcode c;

        (void) snprintf(url, sizeof(url), "http://localhost%s", path);
        firecracker->reply_size = 0;
        firecracker->reply[0] = '\0';
        c = curl_easy_setopt(firecracker->curl, CURLOPT_URL, url);
        if (c == CURLE_OK)
                c = curl_easy_setopt(firecracker->curl, CURLOPT_POSTFIELDS, body);
        if (c == CURLE_OK)
                c = curl_easy_setopt(firecracker->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
        if (c == CURLE_OK)
                c = curl_easy_perform(firecracker->curl);
        if (c == CURLE_OPERATION_TIMEDOUT)
                return error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT,
                                 "Firecracker did not answer %s in time", path);
        if (c == CURLE_OUT_OF_MEMORY)
                return error_set_errno(reterr, ENOMEM, "cannot ask Firecracker");
        if (c != CURLE_OK)
                return error_set(reterr, ERROR_UNAVAILABLE, ECONNRESET,
                                 "cannot reach Firecracker for %s: %s", path,
                                 curl_easy_strerror(c));
        (void) curl_easy_getinfo(firecracker->curl, CURLINFO_RESPONSE_CODE, &status);
        return status / 100 == 2 ? 0 : refused(firecracker, status, path, reterr);
}

/* body_taken is ours and freed; NULL for no memory. */
static int put_text(Firecracker *firecracker, const char *path, char *body_taken,
                    uint64_t deadline_usec, Error *reterr) {
        _cleanup_free_ char *body = body_taken;

        if (!body)
                return error_set_errno(reterr, ENOMEM, "cannot ask Firecracker");
        return firecracker_put(firecracker, path, body, deadline_usec, reterr);
}

/* All strings in these bodies are constants or made of letters, digits, "-" and ":" (ident.h), so
 * that nothing in them needs escaping. */
int firecracker_configure(Firecracker *firecracker, const FirecrackerConfig *config,
                          uint64_t deadline_usec, Error *reterr) {
        int r;

        r = put_text(firecracker, "/machine-config",
                     string_format("{\"vcpu_count\": %" PRId64 ", \"mem_size_mib\": %" PRId64 "}",
                                   config->vcpus, config->memory_mib),
                     deadline_usec, reterr);
        if (r >= 0)
                r = firecracker_put(firecracker, "/boot-source",
                                    "{\"kernel_image_path\": \"" JAIL_KERNEL
                                    "\", \"initrd_path\": \"" JAIL_INITRD
                                    "\", \"boot_args\": \"" BOOT_ARGS "\"}",
                                    deadline_usec, reterr);
        /* Writeback: what a guest has synced is on the host's disk. The default drops flushes. */
        if (r >= 0)
                r = firecracker_put(firecracker, "/drives/root",
                                    "{\"drive_id\": \"root\", \"path_on_host\": \"" JAIL_ROOT_DRIVE
                                    "\", \"is_root_device\": false, \"is_read_only\": false, "
                                    "\"cache_type\": \"Writeback\"}",
                                    deadline_usec, reterr);
        if (r >= 0 && config->modules)
                r = firecracker_put(firecracker, "/drives/modules",
                                    "{\"drive_id\": \"modules\", \"path_on_host\": "
                                    "\"" JAIL_MODULES_DRIVE
                                    "\", \"is_root_device\": false, \"is_read_only\": true}",
                                    deadline_usec, reterr);
        if (r >= 0 && config->work)
                r = firecracker_put(firecracker, "/drives/work",
                                    "{\"drive_id\": \"work\", \"path_on_host\": \"" JAIL_WORK_DRIVE
                                    "\", \"is_root_device\": false, \"is_read_only\": false, "
                                    "\"cache_type\": \"Writeback\"}",
                                    deadline_usec, reterr);
        if (r >= 0)
                r = put_text(firecracker, "/network-interfaces/eth0",
                             string_format("{\"iface_id\": \"eth0\", \"host_dev_name\": \"%s\", "
                                           "\"guest_mac\": \"%s\"}",
                                           config->tap, config->mac),
                             deadline_usec, reterr);
        if (r >= 0)
                r = put_text(firecracker, "/vsock",
                             string_format("{\"guest_cid\": %" PRIu32
                                           ", \"uds_path\": \"" JAIL_VSOCK "\"}",
                                           config->cid),
                             deadline_usec, reterr);
        if (r >= 0)
                r = firecracker_put(firecracker, "/entropy", "{}", deadline_usec, reterr);
        return r;
}

int firecracker_boot(Firecracker *firecracker, uint64_t deadline_usec, Error *reterr) {
        return firecracker_put(firecracker, "/actions", "{\"action_type\": \"InstanceStart\"}",
                               deadline_usec, reterr);
}

int firecracker_check_version(const char *output, Error *reterr) {
        const char *version = string_after_prefix(output, "Firecracker v");
        unsigned long major, minor;
        char *end;
        int r;

        major = version ? strtoul(version, &end, 10) : 0;
        if (!version || *end != '.' || !isdigit((unsigned char) end[1]))
                return error_set(reterr, ERROR_UNAVAILABLE, ENOEXEC,
                                 "the firecracker program does not say its version");
        minor = strtoul(end + 1, NULL, 10);
        if (major > FIRECRACKER_MAJOR_MIN ||
            (major == FIRECRACKER_MAJOR_MIN && minor >= FIRECRACKER_MINOR_MIN))
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, ENOEXEC,
                      "Firecracker %lu.%lu is too old: %d.%d or newer is needed", major, minor,
                      FIRECRACKER_MAJOR_MIN, FIRECRACKER_MINOR_MIN);
        return error_set_hint(reterr, r, "install a newer firecracker and jailer");
}
