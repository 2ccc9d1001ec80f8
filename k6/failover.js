// Replicas are killed and Postgres is restarted (k6/faults does it, and k6/run demands that it was done) while pages are
// visited through both of NGINX's listeners that balance by request. No request may fail, none may be dropped.
import { CLAIM_P95_MS, TREND_STATS, count, idRange, limits, report, seconds, setting } from './lib.js';
import { PAGE_OPTIONS, pageFigures, pageLines, pageThresholds, visit } from './pages.js';
import { constant } from './arrivals.js';

const RATE = Number(setting('RATE'));
const LENGTH = seconds(setting('DURATION'));
const LISTENERS = Object.fromEntries(setting('TARGETS').split(',').map((target) => target.split('=')));
const BALANCED = ['http', 'edge'];

export const options = {
    ...PAGE_OPTIONS,
    summaryTrendStats: TREND_STATS,
    scenarios: Object.fromEntries(BALANCED.map((name) => [name, { ...constant(Math.ceil(RATE / 2), 0, LENGTH), exec: name }])),
    thresholds: {
        ...pageThresholds(RATE * LENGTH, '', { http_req_duration: limits(CLAIM_P95_MS, 1000) }),
        ...Object.fromEntries(BALANCED.map((name) => [`http_req_failed{scenario:${name}}`, ['rate==0']])),
    },
};

export function http() {
    visit(LISTENERS.http);
}

export function edge() {
    visit(LISTENERS.edge);
}

export function handleSummary(data) {
    const figures = pageFigures(data);
    return report(data, [
        `failover: ${count(RATE)} page visits/s for ${setting('DURATION')} through ${BALANCED.map((name) => LISTENERS[name]).join(' and ')}, ids ${idRange()}`,
        ...pageLines(data, figures),
    ], figures);
}
