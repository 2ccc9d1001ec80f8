// A crowd at once: calm, eight times the rate from one second to the next, calm again. Nothing may fail or be dropped;
// the crowd may be served slower than the aim, but not than the old service's claim; what comes after must not notice.
import { BASE, CLAIM_P95_MS, TREND_STATS, count, idRange, limits, report, seconds, setting, spread } from './lib.js';
import { PAGE_OPTIONS, pageFigures, pageLines, pageThresholds, visit } from './pages.js';
import { steps } from './arrivals.js';

const RATE = Number(setting('RATE'));
const LENGTH = seconds(setting('DURATION'));
const TIMES = 8;
const part = Math.ceil(LENGTH / 4);
const STEPS = { calm: [RATE, part], crowd: [TIMES * RATE, part], after: [RATE, LENGTH - 2 * part] };
const latencyOf = (name) => `http_req_duration{scenario:${name}}`;

export const options = {
    ...PAGE_OPTIONS,
    summaryTrendStats: TREND_STATS,
    scenarios: steps(STEPS),
    thresholds: pageThresholds(RATE * LENGTH, '', {
        [latencyOf('calm')]: limits(),
        [latencyOf('crowd')]: limits(CLAIM_P95_MS, 4 * CLAIM_P95_MS),
        [latencyOf('after')]: limits(),
    }),
};

export default function () {
    visit(BASE);
}

export function handleSummary(data) {
    const figures = pageFigures(data);
    return report(data, [
        `spike: ${count(RATE)} page visits/s, ${count(TIMES * RATE)} for a quarter of ${setting('DURATION')}, through ${BASE}, ids ${idRange()}`,
        ...pageLines(data, figures),
        ...Object.keys(STEPS).map((name) => `${name.padEnd(11)}${spread(data, latencyOf(name))}`),
    ], figures);
}
