#include "load/progress.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, DRAW_TERMINAL_MS = 100, DRAW_PLAIN_MS = 10000 };

void progress_init(struct progress *progress)
{
    *progress = (struct progress){.terminal = isatty(STDERR_FILENO) == 1};
}

void progress_begin(struct progress *progress, const char *what, int64_t total)
{
    progress->started_ms = clock_ms();
    progress->drawn_ms = progress->started_ms;
    progress->done = 0;
    progress->total = total;
    progress->rows = 0;
    progress->detail[0] = '\0';
    snprintf(progress->what, sizeof progress->what, "%s", what);
}

static double seconds(const struct progress *progress)
{
    return (double)(clock_ms() - progress->started_ms) / 1000;
}

static int percent(const struct progress *progress)
{
    const int64_t done = progress->done < progress->total ? progress->done : progress->total;
    return progress->total > 0 ? (int)(done * 100 / progress->total) : 0;
}

static void draw_counts(const struct progress *progress)
{
    if (progress->rows > 0) {
        fprintf(stderr, " %s rows", count_of(progress->rows).text);
    }
    fprintf(stderr, " %.0f s  %s", seconds(progress), progress->detail);
}

static void draw_bar(const struct progress *progress)
{
    static const char full[] = "##############################";
    static const char rest[] = "..............................";
    _Static_assert(sizeof full == BAR_WIDTH + 1 && sizeof rest == BAR_WIDTH + 1, "a bar of BAR_WIDTH");
    const int filled = percent(progress) * BAR_WIDTH / 100;
    fprintf(stderr, "\r\033[K%-24s [%.*s%.*s]", progress->what, filled, full, BAR_WIDTH - filled, rest);
    draw_counts(progress);
}

static void draw_line(const struct progress *progress)
{
    fprintf(stderr, "%-24s %3d %%", progress->what, percent(progress));
    draw_counts(progress);
    fputc('\n', stderr);
}

void progress_at(struct progress *progress, int64_t done, int64_t rows)
{
    progress->done = done;
    progress->rows = rows;
    const int64_t now = clock_ms();
    if (now - progress->drawn_ms < (progress->terminal ? DRAW_TERMINAL_MS : DRAW_PLAIN_MS)) {
        return;
    }
    progress->drawn_ms = now;
    progress->terminal ? draw_bar(progress) : draw_line(progress);
}

void progress_clear(struct progress *progress)
{
    if (progress->terminal) {
        fputs("\r\033[K", stderr);
    }
}

void progress_detail(struct progress *progress, const char *detail)
{
    snprintf(progress->detail, sizeof progress->detail, "%s", detail);
}

void progress_end(struct progress *progress)
{
    progress_clear(progress);
    fprintf(stderr, "%-24s done %14s %s %8.1f s\n", progress->what, progress->rows ? count_of(progress->rows).text : "",
            progress->rows ? "rows" : "    ", seconds(progress));
}

struct count count_of(int64_t number)
{
    struct count out;
    char plain[24];
    const int len = snprintf(plain, sizeof plain, "%" PRId64, number);
    size_t used = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && plain[i - 1] != '-') {
            out.text[used++] = ',';
        }
        out.text[used++] = plain[i];
    }
    out.text[used] = '\0';
    return out;
}
