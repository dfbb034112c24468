#pragma once
/* The bus of events: what happens is told to every subscriber, in order. Loop thread only. */
#include "common/api-operation.h"
#include "common/ident.h"
#include "common/varlink-server.h"

typedef struct EventBus EventBus;

int event_bus_new(EventBus **ret); /* -ENOMEM */
/* Calls that subscribe end without a reply. */
EventBus *event_bus_free(EventBus *bus);

/* Gives the event its number and sends it; the rest of it is the caller's. A subscriber that does
 * not read is cut off by its connection's limit. */
void event_bus_publish(EventBus *bus, Event *event);
/* The common case: an object of this kind changed or is gone. */
void event_bus_publish_object(EventBus *bus, EventKind kind, const VmId *id, const char *name);
/* To this one call, with the number of the last event: what it has to know before it subscribes. As
 * varlink_call_progress(). */
int event_bus_tell(const EventBus *bus, VarlinkCall *call, Event *event);
/* A call with `more`: gets EVENT_CURRENT and then all events, until its client leaves. -ENOMEM. */
int event_bus_subscribe(EventBus *bus, VarlinkCall *call);
