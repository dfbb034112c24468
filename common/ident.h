#pragma once
/* Who a VM is, and every name that derives from it. The helper calls these too, so that a caller
 * never has to say a name, a path or a number. */

#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

#define VM_ID_LENGTH 10 /* lowercase hex digits */
#define VM_REF_MAX 64   /* of a name or an id: vm_name_check() bounds names, an id is shorter */
/* systemd leaves 60578..61183 free for static use (its doc/UIDS-GIDS); one uid a slot, from 1. */
#define VM_UID_FIRST 60578
#define VM_UID_LAST 61183
#define VM_SLOT_MIN 1
/* A /24 has 254 hosts, the first is the bridge. */
#define VM_SLOT_MAX 253
/* vsock CIDs 0..2 are taken (vm_sockets.h). */
#define VM_CID_FIRST 1000

typedef struct VmId {
        char text[VM_ID_LENGTH + 1];
} VmId;

bool vm_id_valid(const char *text);
/* For Field.check. */
int vm_id_check(const char *text, Error *reterr);
int vm_id_parse(const char *text, VmId *ret); /* -EINVAL */
int vm_id_generate(VmId *ret);                /* getrandom's errors */

/* Ids of images and kernels look the same. For Field.check. */
int object_id_check(const char *text, Error *reterr);

/* Names that a VM may have: 1 to 40 of [a-z0-9-], starting with a letter, not ending in "-": a DNS
 * label (RFC 1123). For Field.check. */
int vm_name_check(const char *name, Error *reterr);

typedef struct VmNames {
        char tap[16];         /* bgr-ID, IFNAMSIZ */
        char dm[32];          /* banger-ID */
        char dm_uuid[32];     /* BANGER-ID */
        char dm_work[32];     /* banger-ID-work */
        char dm_work_uuid[32]; /* BANGER-ID-work */
        char unit[48];        /* banger-vm-ID.service */
        char jail[64];        /* firecracker/ID, below the jails directory */
        struct ether_addr mac; /* 02 (locally administered, unicast) and the id's five bytes */
        char mac_text[18];
} VmNames;

void vm_names(const VmId *id, VmNames *ret);
/* Is this kernel object's name one of ours? Fills the id. */
bool vm_id_from_tap(const char *name, VmId *ret);
bool vm_id_from_dm_uuid(const char *uuid, VmId *ret);
bool vm_id_from_unit(const char *name, VmId *ret);
/* lo_file_name of our loops: "banger:ID:ROLE". ret_role points into name. */
bool vm_id_from_loop(const char *name, VmId *ret, const char **ret_role);

/* (uid_t) -1 for what is no slot: never 0. */
uid_t vm_slot_uid(unsigned slot);
/* 0, the hypervisor's own, for what is no slot. */
uint32_t vm_slot_cid(unsigned slot);
/* Address in the bridge's network: network and prefix are in host order; the bridge has the first
 * one, slot 1 the second. 0 when it has no room. */
uint32_t vm_slot_address(unsigned slot, uint32_t network, unsigned prefix);
