#include "load/report.h"

#include "load/encode.h"
#include "load/progress.h"

#include <inttypes.h>
#include <string.h>

static const char line_format[] = "%-22s %14s %14s %12s %12s\n";

static void print_row(const struct tally *tally, FILE *out)
{
    fprintf(out, line_format, tally->file, count_of(tally->read).text, count_of(tally->kept).text,
            count_of(tally->repaired).text, count_of(tally->rejected).text);
}

static void print_notes(const struct tally *tally, FILE *out)
{
    for (size_t i = 0; i < REASONS; i++) {
        if (tally->reasons[i] > 0) {
            fprintf(out, "%s: %s rejected, because %s\n", tally->file, count_of(tally->reasons[i]).text,
                    reason_name((enum reason)i));
        }
    }
    if (tally->unread > 0) {
        fprintf(out, "%s: columns of its header that the catalogue does not have: %s\n", tally->file,
                count_of(tally->unread).text);
    }
}

void report_print(const struct report *report, const char *rejects_path, FILE *out)
{
    struct tally sum = {.file = "all"};
    fprintf(out, line_format, "file", "rows read", "kept", "repaired", "rejected");
    for (size_t t = 0; t < TABLES; t++) {
        const struct tally *tally = &report->tallies[t];
        print_row(tally, out);
        sum.read += tally->read;
        sum.kept += tally->kept;
        sum.repaired += tally->repaired;
        sum.rejected += tally->rejected;
    }
    print_row(&sum, out);
    for (size_t t = 0; t < TABLES; t++) {
        print_notes(&report->tallies[t], out);
    }
    if (report->repeats > 0) {
        fprintf(out, "%s: %s of the rows kept repeat another one exactly\n", report->tallies[TABLE_FEATURES].file,
                count_of(report->repeats).text);
    }
    if (sum.rejected > 0 && rejects_path) {
        fprintf(out, "rejected rows, each with its line and reason: %s\n", rejects_path);
    }
    fprintf(out, "%.1f s\n", (double)report->elapsed_ms / 1000);
}

bool rejects_open(struct rejects *rejects, const char *path, struct error *e)
{
    *rejects = (struct rejects){.out = fopen(path, "we"), .path = path};
    if (!rejects->out) {
        return error_errno(e, "cannot write rejected rows to %s (--rejects names another file)", path);
    }
    fputs("file,line,reason,row\n", rejects->out);
    return true;
}

void rejects_add(struct rejects *rejects, const char *file, uint64_t line, const struct rejection *why, const char *row,
                 size_t len)
{
    struct text text = {0};
    text_printf(&text, "%s,%" PRIu64 ",", file, line);
    encode_csv_field(&text, why->detail, strlen(why->detail));
    text_str(&text, ",");
    encode_csv_field(&text, row, len);
    text_str(&text, "\n");
    /* Errors stay with the stream: rejects_close() finds them. */
    fwrite(text.at, 1, text.failed ? 0 : text.len, rejects->out);
    text_fini(&text);
}

bool rejects_close(struct rejects *rejects, struct error *e)
{
    if (!rejects->out) {
        return true;
    }
    const bool failed = ferror(rejects->out) != 0;
    const bool closed = fclose(rejects->out) == 0;
    rejects->out = NULL;
    return closed && !failed ? true : error_errno(e, "writing rejected rows to %s failed", rejects->path);
}
