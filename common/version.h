#pragma once
/* Filled in by configure (config.h). */
#define BANGER_URL "https://banger.example/"
extern const char banger_version[]; /* "0.1.0" */
extern const char banger_commit[];  /* short hash, "unknown" outside a checkout */
extern const char banger_built[];   /* date of the source: SOURCE_DATE_EPOCH or the commit's */
