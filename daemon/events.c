#include "daemon/events.h"

#include <errno.h>
#include <string.h>

typedef struct Subscriber Subscriber;
struct Subscriber {
        EventBus *bus;
        VarlinkCall *call; /* a reference */
        Subscriber *previous, *next;
};

struct EventBus {
        Subscriber *first;
        int64_t sequence; /* of the last event */
};

static void subscriber_free(Subscriber *subscriber) {
        if (subscriber->previous)
                subscriber->previous->next = subscriber->next;
        else
                subscriber->bus->first = subscriber->next;
        if (subscriber->next)
                subscriber->next->previous = subscriber->previous;
        varlink_call_unref(subscriber->call);
        free(subscriber);
}

int event_bus_new(EventBus **ret) {
        EventBus *bus = calloc(1, sizeof(*bus));

        if (!bus)
                return -ENOMEM;
        *ret = bus;
        return 0;
}

EventBus *event_bus_free(EventBus *bus) {
        if (!bus)
                return NULL;
        while (bus->first)
                subscriber_free(bus->first);
        free(bus);
        return NULL;
}

void event_bus_publish(EventBus *bus, Event *event) {
        event->sequence = ++bus->sequence;
        for (Subscriber *subscriber = bus->first, *next; subscriber; subscriber = next) {
                next = subscriber->next;
                /* Over its limit the connection closes itself, which ends the subscription; a call
                 * that failed in the encoding has ended already. */
                if (varlink_call_progress(subscriber->call, event) == -EALREADY)
                        subscriber_free(subscriber);
        }
}

void event_bus_publish_object(EventBus *bus, EventKind kind, const VmId *id, const char *name) {
        _cleanup_free_ char *object = strdup(id->text), *copy = strdup(name);
        Event event = {.kind = (int) kind, .object = object, .name = copy};

        event_bus_publish(bus, &event);
}

static void on_gone(_unused_ VarlinkCall *call, void *userdata) {
        subscriber_free(userdata);
}

int event_bus_tell(const EventBus *bus, VarlinkCall *call, Event *event) {
        event->sequence = bus->sequence;
        return varlink_call_progress(call, event);
}

int event_bus_subscribe(EventBus *bus, VarlinkCall *call) {
        Subscriber *subscriber = malloc(sizeof(*subscriber));
        Event current = {.kind = EVENT_CURRENT};

        if (!subscriber)
                return -ENOMEM;
        *subscriber = (Subscriber) {
                .bus = bus,
                .call = varlink_call_ref(call),
                .next = bus->first,
        };
        if (bus->first)
                bus->first->previous = subscriber;
        bus->first = subscriber;
        varlink_call_set_gone(call, on_gone, subscriber);
        /* Without room even for this the connection has closed itself. */
        (void) event_bus_tell(bus, call, &current);
        return 0;
}
