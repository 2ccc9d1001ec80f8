// The old service's load at a tenth of its latency: 4,500 requests a second, ids over the whole range, no error, none
// dropped, and 95 of 100 answered within 15 ms where the old service promised 150. The rate is of arrivals: requests start
// on time however slow the answers are, and what cannot start, because all virtual users are waiting, is dropped.
// Requests arrive as a browser sends them: six at once on one HTTP/2 connection.
import http from 'k6/http';
import { Counter, Rate } from 'k6/metrics';
import {
    AIM_P95_MS, BASE, CLAIM_P95_MS, GZIP, TREND_STATS,
    count, drawId, gapsAllow, idRange, limits, ms, report, seconds, setting, spread, valueOf,
} from './lib.js';
import { nextDocument } from './documents.js';

const RATE = Number(setting('RATE'));
const DURATION = setting('DURATION');
const WARM_UP_S = 5;

const AT_ONCE = 6; // one by one, k6 would need a core and more for this rate
// Virtual users, each with a connection of its own: so many that nothing is dropped while a virtual machine stands still
// for a fifth of a second. They are used in turn, so more of them cost CPU, and with that time: twice as many, p95 twice as long.
const USERS = Math.max(96, Math.ceil((0.2 * RATE) / AT_ONCE));
const ASKED = RATE * seconds(DURATION);

const unknownIds = new Counter('unknown_ids');
const rightProtocol = new Rate('right_protocol'); // of one in six, those of one connection

http.setResponseCallback(http.expectedStatuses(200, 404)); // unknown_ids judges 404

export const options = {
    // These spare k6 work; status and headers are read.
    discardResponseBodies: true,
    noCookiesReset: true,
    summaryTrendStats: TREND_STATS,
    systemTags: ['status', 'scenario', 'error'], // and no other tags: each costs k6 CPU
    scenarios: {
        // Every user connects before the clock runs; by one request, as six at once would make six connections. This has
        // to be over a second before: users that two scenarios might need at once, k6 makes twice.
        warm_up: { ...arrivals(Math.ceil((2 * USERS) / WARM_UP_S), '1s', `${WARM_UP_S}s`, '0s'), exec: 'connect', gracefulStop: '0s' },
        claim: arrivals(RATE, `${AT_ONCE}s`, DURATION, `${WARM_UP_S + 1}s`),
    },
    thresholds: {
        'http_req_failed{scenario:claim}': [{ threshold: 'rate==0', abortOnFail: true }],
        'unknown_ids{scenario:claim}': [`count<=${Math.ceil(gapsAllow(ASKED) * ASKED)}`],
        'http_req_duration{scenario:claim}': limits(AIM_P95_MS, CLAIM_P95_MS),
        'iteration_duration{scenario:claim}': [`p(95)<${CLAIM_P95_MS}`], // waiting for a connection included
        'dropped_iterations{scenario:claim}': ['count==0'],
        'http_reqs{scenario:claim}': [`count>=${0.99 * ASKED - AT_ONCE}`], // those at the end may be under way
        right_protocol: ['rate==1'],
    },
};

function arrivals(rate, timeUnit, duration, startTime) {
    return {
        executor: 'constant-arrival-rate',
        rate,
        timeUnit,
        duration,
        startTime,
        gracefulStop: '10s',
        preAllocatedVUs: USERS,
        maxVUs: USERS,
    };
}

const how = { headers: GZIP };

export function connect() {
    http.get(BASE + nextDocument().path(drawId()), how);
}

export default function () {
    const requests = Array.from({ length: AT_ONCE }, () => ['GET', BASE + nextDocument().path(drawId()), null, how]);
    const answers = http.batch(requests);
    rightProtocol.add(answers[0].proto === 'HTTP/2.0');
    for (const answer of answers) {
        if (answer.status === 404) {
            unknownIds.add(1);
        }
    }
}

export function handleSummary(data) {
    const of = (metric, value) => valueOf(data, `${metric}{scenario:claim}`, value);
    const p95 = of('http_req_duration', 'p(95)');
    const figures = {
        offered_per_s: RATE,
        requests: of('http_reqs', 'count'),
        failed: of('http_req_failed', 'passes'), // k6's "passes" of this rate are the failures
        unknown_ids: of('unknown_ids', 'count'),
        dropped: AT_ONCE * of('dropped_iterations', 'count'),
        p95_ms: p95,
        claimed_p95_ms: CLAIM_P95_MS,
        aimed_p95_ms: AIM_P95_MS,
    };
    return report(data, [
        `seed: ${count(RATE)} requests/s offered for ${DURATION} through ${BASE}, ids ${idRange()}, gzip accepted`,
        `requests   ${count(figures.requests)}, ${figures.failed} failed, ${figures.unknown_ids} for unknown ids, ${figures.dropped} dropped`,
        `answered   ${spread(data, 'http_req_duration{scenario:claim}')}`,
        `in all     ${spread(data, 'iteration_duration{scenario:claim}')}   six answers, with k6's own work and waiting for a connection`,
        claim(p95),
        ...whyDropped(figures.dropped),
    ], figures);
}

function claim(p95) {
    return `claim      p95 is ${ms(p95)}; the old service's was ${CLAIM_P95_MS} ms, a tenth of it is ${AIM_P95_MS} ms`;
}

function whyDropped(dropped) {
    return dropped > 0
        ? [`dropped    all ${USERS} virtual users were waiting, or k6 had too little CPU: see "in all", and k6's CPU below`]
        : [];
}
