#include "common/ident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/strings.h"

#define VM_NAME_MAX 40
#define TAP_PREFIX "bgr-"
#define DM_PREFIX "banger-"
#define DM_UUID_PREFIX "BANGER-"
#define DM_WORK_SUFFIX "-work"
#define UNIT_PREFIX "banger-vm-"
#define UNIT_SUFFIX ".service"
#define LOOP_PREFIX "banger:"
#define JAIL_PREFIX "firecracker/"

static const char hex_digits[] = "0123456789abcdef";

static bool in_range(char c, char first, char last) {
        return c >= first && c <= last;
}

bool vm_id_valid(const char *text) {
        return strspn(text, hex_digits) == VM_ID_LENGTH && text[VM_ID_LENGTH] == '\0';
}

int vm_id_check(const char *text, Error *reterr) {
        if (vm_id_valid(text))
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be %d lowercase hex digits",
                         VM_ID_LENGTH);
}

int object_id_check(const char *text, Error *reterr) {
        return vm_id_check(text, reterr);
}

/* The VM_ID_LENGTH characters at text must be digits; more may follow. */
static bool take_id(const char *text, VmId *ret) {
        VmId id = {0};

        if (strspn(text, hex_digits) != VM_ID_LENGTH)
                return false;
        memcpy(id.text, text, VM_ID_LENGTH);
        *ret = id;
        return true;
}

int vm_id_parse(const char *text, VmId *ret) {
        return vm_id_valid(text) && take_id(text, ret) ? 0 : -EINVAL;
}

int vm_id_generate(VmId *ret) {
        unsigned char bytes[VM_ID_LENGTH / 2];
        VmId id = {0};
        ssize_t n;

        /* So few bytes come at once or not at all (getrandom(2)). */
        do
                n = getrandom(bytes, sizeof(bytes), 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        for (size_t i = 0; i < sizeof(bytes); i++) {
                id.text[2 * i] = hex_digits[bytes[i] >> 4];
                id.text[2 * i + 1] = hex_digits[bytes[i] & 0xf];
        }
        *ret = id;
        return 0;
}

int vm_name_check(const char *name, Error *reterr) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
        size_t length = strlen(name);

        if (length == 0 || length > VM_NAME_MAX)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "must have 1 to %d characters", VM_NAME_MAX);
        if (strspn(name, allowed) != length || !in_range(name[0], 'a', 'z') ||
            name[length - 1] == '-')
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "must be lowercase letters, digits and \"-\", begin with a letter "
                                 "and not end with \"-\"");
        return 0;
}

static uint8_t hex_value(char digit) {
        return (uint8_t) (in_range(digit, '0', '9') ? digit - '0' : digit - 'a' + 10);
}

static void fill_mac(const VmId *id, VmNames *names) {
        uint8_t *mac = names->mac.ether_addr_octet;

        mac[0] = 0x02;
        for (size_t i = 0; i < VM_ID_LENGTH / 2; i++)
                mac[i + 1] = (uint8_t) (hex_value(id->text[2 * i]) << 4 |
                                        hex_value(id->text[2 * i + 1]));
        (void) snprintf(names->mac_text, sizeof(names->mac_text),
                        "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                        mac[5]);
}

void vm_names(const VmId *id, VmNames *ret) {
        VmNames names = {0};

        (void) snprintf(names.tap, sizeof(names.tap), TAP_PREFIX "%s", id->text);
        (void) snprintf(names.dm, sizeof(names.dm), DM_PREFIX "%s", id->text);
        (void) snprintf(names.dm_uuid, sizeof(names.dm_uuid), DM_UUID_PREFIX "%s", id->text);
        (void) snprintf(names.dm_work, sizeof(names.dm_work), DM_PREFIX "%s" DM_WORK_SUFFIX,
                        id->text);
        (void) snprintf(names.dm_work_uuid, sizeof(names.dm_work_uuid),
                        DM_UUID_PREFIX "%s" DM_WORK_SUFFIX, id->text);
        (void) snprintf(names.unit, sizeof(names.unit), UNIT_PREFIX "%s" UNIT_SUFFIX, id->text);
        (void) snprintf(names.jail, sizeof(names.jail), JAIL_PREFIX "%s", id->text);
        fill_mac(id, &names);
        *ret = names;
}

/* PREFIX ID REST; NULL when it is not that. Fills the id only on success. */
static const char *take_prefixed_id(const char *text, const char *prefix, VmId *ret) {
        const char *after = string_after_prefix(text, prefix);

        return after && take_id(after, ret) ? after + VM_ID_LENGTH : NULL;
}

static bool id_between(const char *text, const char *prefix, const char *suffix, VmId *ret) {
        VmId id;
        const char *rest = take_prefixed_id(text, prefix, &id);

        if (!string_equal(rest, suffix))
                return false;
        *ret = id;
        return true;
}

bool vm_id_from_tap(const char *name, VmId *ret) {
        return id_between(name, TAP_PREFIX, "", ret);
}

bool vm_id_from_dm_uuid(const char *uuid, VmId *ret) {
        return id_between(uuid, DM_UUID_PREFIX, "", ret) ||
               id_between(uuid, DM_UUID_PREFIX, DM_WORK_SUFFIX, ret);
}

bool vm_id_from_unit(const char *name, VmId *ret) {
        return id_between(name, UNIT_PREFIX, UNIT_SUFFIX, ret);
}

bool vm_id_from_loop(const char *name, VmId *ret, const char **ret_role) {
        VmId id;
        const char *rest = take_prefixed_id(name, LOOP_PREFIX, &id);

        if (!rest || rest[0] != ':' || rest[1] == '\0')
                return false;
        *ret = id;
        if (ret_role)
                *ret_role = rest + 1;
        return true;
}

static bool slot_valid(unsigned slot) {
        return slot >= VM_SLOT_MIN && slot <= VM_SLOT_MAX;
}

uid_t vm_slot_uid(unsigned slot) {
        _Static_assert(VM_UID_FIRST + VM_SLOT_MAX - VM_SLOT_MIN <= VM_UID_LAST,
                       "every slot needs a uid of its own");

        return slot_valid(slot) ? VM_UID_FIRST + slot - VM_SLOT_MIN : (uid_t) -1;
}

uint32_t vm_slot_cid(unsigned slot) {
        return slot_valid(slot) ? VM_CID_FIRST + slot - VM_SLOT_MIN : 0;
}

uint32_t vm_slot_address(unsigned slot, uint32_t network, unsigned prefix) {
        uint32_t hosts; /* the last address is the broadcast's */

        /* A /31 and a /32 have no broadcast address, and no room beside the bridge either. */
        if (!slot_valid(slot) || prefix == 0 || prefix > 30)
                return 0;
        hosts = UINT32_MAX >> prefix;
        if (slot + 1 >= hosts)
                return 0;
        return (network & ~hosts) + slot + 1;
}
