// Reads and SQL writes together, for minutes or hours. A stale read is a failure: one that shows less than what
// had been committed 250 ms before the read began, or less than it asked for by Catalogue-At-Least.
// The writer beside it (k6/writer) says what must be seen; see there why no common clock is needed.
import http from 'k6/http';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
import {
    CLAIM_P95_MS, GZIP, TREND_STATS,
    count, gapsAllow, idRange, nextDocument, randomId, report, seconds, setting, spread, valueOf,
} from './lib.js';

const RATE = Number(setting('RATE'));
const DURATION = setting('DURATION');
const WRITER = setting('WRITER');
const TARGETS = setting('TARGETS').split(',').map((target) => {
    const [name, url] = target.split('=');
    return { name, url };
});
const ROUNDS_PER_S = 10; // of checks, each of about fifteen reads
const BOUND_MS = Number(setting('BOUND_MS'));
const ROUNDS = ROUNDS_PER_S * seconds(DURATION);
const READS = RATE * seconds(DURATION);

const stale = new Rate('stale'); // of the judged reads, by kind and target
const staleSaid = new Counter('stale_said'); // of the stale ones: Cache-Status said so
const judged = new Counter('judged');
const notYet = new Rate('not_yet'); // answers to Catalogue-At-Least: 503
const notFresh = new Rate('not_fresh'); // of the same: 503 to the last, too; late, but honest
const promiseTime = new Trend('promise_time', true);
const unknownIds = new Rate('unknown_ids');
const written = new Gauge('stamps_written');
const writerErrors = new Gauge('writer_errors');

http.setResponseCallback(http.expectedStatuses(200, 404)); // unknown_ids and stale judge 404
const promiseStatuses = http.expectedStatuses(200, 404, 503);

export const options = {
    summaryTrendStats: TREND_STATS,
    scenarios: {
        reads: { ...arrivals(RATE, Math.ceil((RATE * CLAIM_P95_MS) / 1000)), exec: 'read' },
        checks: { ...arrivals(ROUNDS_PER_S, 4 * TARGETS.length), exec: 'round' },
    },
    thresholds: {
        stale: ['rate==0'],
        judged: [`count>=${5 * ROUNDS}`],
        not_fresh: ['rate<0.01'],
        stamps_written: [`value>=${5 * seconds(DURATION)}`],
        writer_errors: ['value==0'],
        http_req_failed: ['rate==0'],
        unknown_ids: [`rate<=${gapsAllow(READS)}`],
        'http_req_duration{scenario:reads}': [`p(95)<${CLAIM_P95_MS}`],
        'http_reqs{scenario:reads}': [`count>=${0.99 * READS}`],
        // In the report for each target.
        ...Object.fromEntries(TARGETS.map(({ name }) => [`judged{target:${name}}`, ['count>0']])),
    },
};

function arrivals(rate, users) {
    return {
        executor: 'constant-arrival-rate',
        rate,
        timeUnit: '1s',
        duration: DURATION,
        gracefulStop: '15s',
        preAllocatedVUs: users,
        maxVUs: users,
    };
}

// Each virtual user keeps to one target, so that each target is asked on connections of its own.
const target = TARGETS[__VU % TARGETS.length];

function tagged(kind, more = {}) {
    return { headers: GZIP, timeout: '10s', tags: { kind, target: target.name, name: kind }, ...more };
}

export function read() {
    const answer = http.get(target.url + nextDocument().path(randomId()), tagged('read'));
    unknownIds.add(answer.status === 404);
}

export function round() {
    const answer = http.get(`${WRITER}/checks`, { tags: { kind: 'writer', name: 'writer' } });
    if (answer.status !== 200) {
        return; // http_req_failed
    }
    const { bound, promise, written: stamps, errors } = answer.json();
    written.add(stamps);
    writerErrors.add(errors);
    promise.forEach(keepsPromise); // first: these are about this very moment
    const answers = http.batch(bound.map((check) => ['GET', target.url + check.path, null, tagged('bound')]));
    answers.forEach((each, i) => judge(each, bound[i], 'bound'));
}

// Asks for what was committed just now, again if it is told "not yet", as long as that is within the bound.
function keepsPromise(check) {
    const headers = { ...GZIP, 'Catalogue-At-Least': `xid=${check.xid}` };
    const how = tagged('promise', { headers, responseCallback: promiseStatuses });
    const start = Date.now();
    let answer;
    do {
        answer = http.get(target.url + check.path, how);
        notYet.add(answer.status === 503);
    } while (answer.status === 503 && Date.now() - start < BOUND_MS);
    promiseTime.add(Date.now() - start);
    notFresh.add(answer.status === 503);
    judge(answer, check, 'promise');
}

// A read that had no answer is no stale read, but a failed one.
function judge(answer, check, kind) {
    if (answer.status !== 200 && answer.status !== 404) {
        return;
    }
    const shown = newestStamp(answer.body);
    const tags = { kind, target: target.name };
    judged.add(1, tags);
    stale.add(shown < check.stamp, tags);
    if (shown < check.stamp) {
        staleSaid.add(/ttl=-/.test(answer.headers['Cache-Status']));
        console.error(`stale (${kind}): ${target.name}${check.path} shows stamp ${shown}, not ${check.stamp} (written in ${check.way}); ` +
            `status ${answer.status}, Cache-Status: ${answer.headers['Cache-Status'] || 'none'}`);
    }
}

// 0 if it shows none, such as a 404.
function newestStamp(body) {
    return Math.max(0, ...[...String(body).matchAll(/\bstamp (\d+)/g)].map((match) => Number(match[1])));
}

export function handleSummary(data) {
    const of = (metric, value) => valueOf(data, metric, value);
    const figures = {
        reads: of('http_reqs{scenario:reads}', 'count'),
        judged: of('judged', 'count'),
        stale: of('stale', 'passes'),
        stale_said: of('stale_said', 'count'),
        promises: of('not_fresh', 'passes') + of('not_fresh', 'fails'),
        not_yet: of('not_yet', 'passes'),
        not_fresh: of('not_fresh', 'passes'),
        failed: of('http_req_failed', 'passes'),
        stamps_written: of('stamps_written', 'value'),
        writer_errors: of('writer_errors', 'value'),
    };
    return report(data, [
        `soak: ${DURATION}, ${RATE} reads/s of ids ${idRange()} over ${TARGETS.map(({ name }) => name).join(', ')}; ` +
            `${count(figures.stamps_written)} stamps written by SQL`,
        `judged     ${count(figures.judged)} reads: ${count(figures.stale)} stale (${count(figures.stale_said)} of them said so)`,
        `promises   ${count(figures.promises)} reads with Catalogue-At-Least: ${figures.not_yet} were told "not yet", ${figures.not_fresh} for ${BOUND_MS} ms`,
        `           ${spread(data, 'promise_time')}   until the answer, right after the commit`,
        `reads      ${count(figures.reads)}: ${spread(data, 'http_req_duration{scenario:reads}')}`,
        `failed     ${figures.failed} of all requests; the writer had ${figures.writer_errors} errors`,
    ], figures);
}
