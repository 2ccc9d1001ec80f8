// More than usual, in steps, and back: once, twice, three times and four times the rate, each for a fifth of the time,
// then once again. Nothing may fail or be dropped; the top may be slower than the aim, but not than the old service's
// claim; afterwards all must be as fast as before.
import { BASE, CLAIM_P95_MS, TREND_STATS, count, idRange, limits, report, seconds, setting, spread } from './lib.js';
import { PAGE_OPTIONS, pageFigures, pageLines, pageThresholds, visit } from './pages.js';
import { steps } from './arrivals.js';

const RATE = Number(setting('RATE'));
const LENGTH = seconds(setting('DURATION'));
const STEPS = Object.fromEntries([['once', 1], ['twice', 2], ['thrice', 3], ['four_times', 4], ['once_again', 1]]
    .map(([name, times]) => [name, [times * RATE, Math.ceil(LENGTH / 5)]]));
const latencyOf = (name) => `http_req_duration{scenario:${name}}`;

export const options = {
    ...PAGE_OPTIONS,
    summaryTrendStats: TREND_STATS,
    scenarios: steps(STEPS),
    thresholds: pageThresholds(RATE * LENGTH, '', Object.fromEntries(Object.entries(STEPS)
        .map(([name, [rate]]) => [latencyOf(name), rate === RATE ? limits() : limits(CLAIM_P95_MS, 4 * CLAIM_P95_MS)]))),
};

export default function () {
    visit(BASE);
}

export function handleSummary(data) {
    const figures = pageFigures(data);
    return report(data, [
        `stress: ${count(RATE)} page visits/s, times 1, 2, 3, 4 and 1, in ${setting('DURATION')} through ${BASE}, ids ${idRange()}`,
        ...pageLines(data, figures),
        ...Object.keys(STEPS).map((name) => `${name.padEnd(11)}${spread(data, latencyOf(name))}`),
    ], figures);
}
