/* Progress, on standard error: a bar on a terminal, plain lines otherwise. One thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool terminal;
    int64_t started_ms; /* the step */
    int64_t drawn_ms;
    char what[32];
    char detail[64];     /* which part of the step is at hand, or empty */
    int64_t done, total; /* total 0: nobody knows how much is to do */
    int64_t rows;
};

void progress_init(struct progress *progress);
/* A step of `total` units begins. */
void progress_begin(struct progress *progress, const char *what, int64_t total);
/* Cheap; draws ten times a second on a terminal, and every ten seconds otherwise. */
void progress_at(struct progress *progress, int64_t done, int64_t rows);
/* Which part of the step is at hand. */
void progress_detail(struct progress *progress, const char *detail);
/* The step is done: one line that stays. */
void progress_end(struct progress *progress);
/* Takes the bar away, so that something else can be printed. */
void progress_clear(struct progress *progress);

/* 1234567 as "1,234,567". */
struct count {
    char text[32];
};
struct count count_of(int64_t number);
