// Reads and SQL writes together, for minutes or hours, also while faults are made (--faults). A stale read is a failure:
// one that shows less than what had been committed 250 ms before the read began and does not say so, or less than it
// asked for by Catalogue-At-Least. Memory of the replicas must stay flat.
import http from 'k6/http';
import { sleep } from 'k6';
import { Rate, Trend } from 'k6/metrics';
import { CLAIM_P95_MS, GZIP, TREND_STATS, count, drawId, gapsAllow, idRange, report, seconds, setting, spread, valueOf } from './lib.js';
import { round as readStamps, stampFigures, stampLines, stampThresholds, target } from './stamps.js';
import { constant } from './arrivals.js';
import { nextDocument } from './documents.js';

const RATE = Number(setting('RATE'));
const LENGTH = seconds(setting('DURATION'));
const OPERATIONS = setting('OPERATIONS').split(',');
const ROUNDS_PER_S = 10;
const PATIENCE_S = 3; // of reads, before one is dropped
const MEMORY_EVERY_S = 10;
const SETTLED_S = 180; // of the test and of the replica's process: until then its rings of changes and events fill
const GROWTH_MAX = 1.15;

const unknownIds = new Rate('unknown_ids');
const growth = new Trend('memory_growth'); // resident memory divided by what it was when it had settled

http.setResponseCallback(http.expectedStatuses(200, 404)); // unknown_ids and stale judge 404

export const options = {
    summaryTrendStats: TREND_STATS,
    scenarios: {
        reads: { ...constant(RATE, 0, LENGTH, PATIENCE_S), exec: 'read' },
        checks: { ...constant(ROUNDS_PER_S, 0, LENGTH, PATIENCE_S), exec: 'round' },
        memory: { executor: 'constant-vus', vus: 1, duration: `${LENGTH}s`, gracefulStop: '15s', exec: 'memory' },
    },
    thresholds: {
        ...stampThresholds(ROUNDS_PER_S),
        http_req_failed: ['rate==0'],
        dropped_iterations: ['count==0'],
        unknown_ids: [`rate<=${gapsAllow(RATE * LENGTH)}`],
        memory_growth: [`max<${GROWTH_MAX}`],
        'http_req_duration{scenario:reads}': [`p(95)<${CLAIM_P95_MS}`, 'p(99)<1000'],
        'http_reqs{scenario:reads}': ['count>0'], // in the report
    },
};

export function read() {
    const answer = http.get(target.url + nextDocument().path(drawId()), { headers: GZIP, timeout: '10s', tags: { kind: 'read', target: target.name, name: 'read' } });
    unknownIds.add(answer.status === 404);
}

export const round = readStamps;

const settled = {}; // operations URL → {uptime, bytes} of when it had settled
const started = Date.now();

// Of a replica that does not answer, because it was killed just now, the next round tells. One virtual user.
export function memory() {
    for (const url of OPERATIONS) {
        const answer = http.get(`${url}/status`, { timeout: '2s', responseCallback: null, tags: { kind: 'memory', name: 'memory' } });
        if (answer.status === 200) {
            follow(url, answer.json());
        }
    }
    sleep(MEMORY_EVERY_S);
}

function follow(url, { uptime_s: uptime, resident_bytes: bytes }) {
    if (settled[url] && uptime < settled[url].uptime) {
        delete settled[url]; // a new process
    }
    if (Math.min(uptime, (Date.now() - started) / 1000) >= SETTLED_S) {
        settled[url] = settled[url] || { uptime, bytes };
        growth.add(bytes / settled[url].bytes);
    }
}

export function handleSummary(data) {
    const of = (metric, value) => valueOf(data, metric, value);
    const figures = {
        reads: of('http_reqs{scenario:reads}', 'count'),
        failed: of('http_req_failed', 'passes'),
        dropped: of('dropped_iterations', 'count'),
        memory_growth: of('memory_growth', 'max'),
        ...stampFigures(data),
    };
    return report(data, [
        `soak: ${setting('DURATION')}, ${count(RATE)} reads/s of ids ${idRange()}`,
        ...stampLines(data, figures),
        `reads      ${count(figures.reads)}, ${figures.dropped} dropped: ${spread(data, 'http_req_duration{scenario:reads}')}`,
        `failed     ${figures.failed} of all requests`,
    ], figures);
}
