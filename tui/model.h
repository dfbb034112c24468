#pragma once
/* What the console knows: the daemon's objects as it tells them, what is under way, what happened.
 * No terminal and no socket. Lists keep their last content when the daemon is gone. */
#include "common/api-image.h"
#include "common/api-operation.h"
#include "common/api-system.h"
#include "common/api-vm.h"
#include "common/stages.h"
#include "tui/sample.h"

typedef enum LinkState {
        LINK_CONNECTING, /* never reached so far, and nothing is known to be wrong */
        LINK_UP,
        LINK_DOWN,
} LinkState;

/* One operation, under way or ended. */
typedef struct Work {
        OperationInfo info;
        Stages stages;
        uint64_t began_usec;     /* monotonic, of this console */
        int64_t stage_began_us;  /* after the operation's begin */
        bool ended;
        char *error;             /* NULL: it went well */
} Work;

typedef struct LogLine {
        int64_t time_s;
        char *object; /* id of what it happened to; may be NULL */
        char *text;
        bool bad;
} LogLine;

#define MODEL_WORKS_MAX 64
#define MODEL_LOG_MAX 256

typedef struct Model {
        LinkState link;
        Error down;              /* why the link is down */
        uint64_t down_usec;      /* monotonic, since when */
        uint64_t asked_usec;     /* monotonic, since when an answer is awaited; 0: none is */
        Error differs;           /* set: the daemon speaks another version's language */
        Error unlisted;          /* set: why a list did not come; it will be asked for again */
        bool has_status, has_vms, has_images, has_report;
        SystemStatus status;
        VmList vms;
        ImageList images;
        SystemReport report;
        Error report_error;
        HostSample sample;
        Work works[MODEL_WORKS_MAX]; /* oldest first */
        size_t n_works;
        LogLine log[MODEL_LOG_MAX];  /* oldest first */
        size_t n_log;
        int64_t sequence;        /* of the last event; 0: none */
        uint64_t now_usec;       /* monotonic */
        int64_t now_s;           /* since the epoch */
        const char *version;     /* of this program */
} Model;

/* What has to be asked again after an event. */
typedef enum ModelAsk {
        MODEL_ASK_NOTHING,
        MODEL_ASK_IMAGES = 1 << 0,
        MODEL_ASK_ALL = 1 << 1, /* an event was lost */
        MODEL_ASK_STATUS = 1 << 2,
} ModelAsk;

void model_init(Model *model, const char *version);
void model_clear(Model *model);

/* Each takes what the reply holds and leaves it empty. */
void model_set_status(Model *model, SystemStatus *status);
void model_set_vms(Model *model, VmList *list);
void model_set_images(Model *model, ImageList *list);
void model_set_report(Model *model, SystemReport *report);
void model_set_operations(Model *model, OperationList *list);
/* Takes parts of the event. Out of memory: asks for all. */
ModelAsk model_apply_event(Model *model, Event *event);
/* Of an operation that this console began: exact times. */
void model_apply_progress(Model *model, const VmProgress *progress);
void model_link_up(Model *model);
/* Takes the error. The lists stay, as they were then. */
void model_link_down(Model *model, Error *error);

const VmInfo *model_vm(const Model *model, size_t i);
const ImageInfo *model_image(const Model *model, size_t i);
const SystemCheck *model_check(const Model *model, size_t i);
/* The daemon's own word about a program; NULL while there is none. */
const ComponentStatus *model_component(const Model *model, const char *name);
/* The latest operation of the interface, which tells VMs from images, on an object of this name;
 * NULL when there was none. */
const Work *model_work(const Model *model, const Interface *interface, const char *object);
int64_t model_work_elapsed_us(const Model *model, const Work *work);
size_t model_n_running(const Model *model);
/* Memory that running VMs may use. */
uint64_t model_committed_bytes(const Model *model);
bool model_stale(const Model *model); /* there is data, and nobody keeps it true */
