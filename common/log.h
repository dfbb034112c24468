#pragma once
/* Journal records with fields. Only programs log; common/ itself never calls this. On a terminal or
 * where there is no journal it writes "LEVEL message" to stderr. */

#include <syslog.h>

#include "common/cleanup.h"
#include "common/error.h"

typedef struct LogField {
        const char *name; /* journal field name, e.g. "BANGER_VM"; NULL ends a list */
        const char *value; /* NULL: the field is left out */
} LogField;

/* Call once. level: LOG_DEBUG .. LOG_ERR, what is still written. */
void log_open(const char *identifier, int level);
void log_write(int level, const LogField *fields, const char *format, ...) _printf_(3, 4);
/* Writes an error's message with its object, operation and hint as fields. */
void log_error(int level, const LogField *fields, const Error *error, const char *context);
