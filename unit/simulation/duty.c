/* refresh/duty.h without its thread. Duty is about speed: whether this replica is on duty, when it reads the log within
 * the poll interval, and whether it takes itself for deaf must not matter to what is shown, so all of it is random. */
#include "simulation/world.h"

static int64_t sent_us;

bool duty_new(struct duty **out, const struct duty_options *options, struct error *e)
{
    (void)options;
    (void)e;
    *out = NULL;
    return true;
}

bool duty_start(struct duty *d, struct error *e)
{
    (void)d;
    (void)e;
    return true;
}

void duty_free(struct duty **duty)
{
    *duty = NULL;
}

void duty_listening(struct duty *d)
{
    (void)d;
}

void duty_heard(struct duty *d, size_t notifications)
{
    (void)d;
    (void)notifications;
}

void duty_log_read(struct duty *d, const struct changes *c)
{
    (void)d;
    sent_us = c->sent_us;
}

int64_t duty_next_read_us(const struct duty *d, int64_t poll_us)
{
    (void)d;
    return sent_us + (one_in(3) ? (int64_t)random_below((uint64_t)poll_us) : poll_us);
}

bool duty_is_on(const struct duty *d)
{
    (void)d;
    return one_in(8);
}

bool duty_feed_is_deaf(const struct duty *d, int64_t now_us)
{
    (void)d;
    (void)now_us;
    return !world.calm && one_in(400);
}
