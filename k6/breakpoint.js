// How much is too much: page visits rise steadily up to the rate, until one is dropped, a request fails, or 95 of 100
// are no longer answered within the old service's claim. That ends the run; it passes if a quarter of the rate was
// reached before. Where it breaks may be k6 or the machine: see k6's own ceiling, and who used the cores.
import { BASE, CLAIM_P95_MS, TREND_STATS, count, idRange, report, seconds, setting, thresholdsOf } from './lib.js';
import { PAGE_OPTIONS, pageFigures, pageLines, pageThresholds, visit } from './pages.js';
import { ramping } from './arrivals.js';

const RATE = Number(setting('RATE'));
const LENGTH = seconds(setting('DURATION'));
const FROM = Math.ceil(RATE / 50);
const LEAST = RATE / 4;

const breaks = (threshold) => [{ threshold, abortOnFail: true }];
const LIMITS = {
    http_req_failed: breaks('rate==0'),
    dropped_iterations: breaks('count==0'),
    http_req_duration: breaks(`p(95)<${CLAIM_P95_MS}`),
};

export const options = {
    ...PAGE_OPTIONS,
    summaryTrendStats: TREND_STATS,
    scenarios: { rise: ramping(FROM, [[RATE, LENGTH]]) },
    thresholds: { ...pageThresholds(RATE * LENGTH), ...LIMITS },
};

export default function () {
    visit(BASE);
}

// The verdict is what was reached; of the other thresholds those that do not end the run must hold.
export function handleSummary(data) {
    const figures = pageFigures(data);
    const share = Math.min(1, data.state.testRunDurationMs / 1000 / LENGTH);
    const broken = thresholdsOf(data).filter(({ metric, ok }) => LIMITS[metric] && !ok).map(({ metric }) => metric);
    figures.reached_per_s = Math.round(FROM + share * (RATE - FROM));
    figures.broken = broken;
    const end = broken.length > 0 ? `broke at ${count(figures.reached_per_s)} visits/s: ${broken.join(', ')}` : 'did not break';
    return report(data, [
        `breakpoint: ${count(FROM)} to ${count(RATE)} page visits/s within ${setting('DURATION')} through ${BASE}, ids ${idRange()}`,
        ...pageLines(data, figures),
        `end        ${end}`,
    ], figures, [
        { metric: 'visits/s reached', condition: `at least ${LEAST}`, ok: figures.reached_per_s >= LEAST },
        ...thresholdsOf(data).filter(({ metric }) => !LIMITS[metric]),
    ]);
}
