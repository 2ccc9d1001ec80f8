// An ordinary day: page visits rise to the rate, stay, and fall. Every limit must hold all the time.
import { BASE, TREND_STATS, count, idRange, report, seconds, setting } from './lib.js';
import { PAGE_OPTIONS, pageFigures, pageLines, pageThresholds, visit } from './pages.js';
import { ramping } from './arrivals.js';

const RATE = Number(setting('RATE'));
const LENGTH = seconds(setting('DURATION'));
const EDGE = Math.ceil(LENGTH / 10);

export const options = {
    ...PAGE_OPTIONS,
    summaryTrendStats: TREND_STATS,
    scenarios: { day: ramping(Math.ceil(RATE / 10), [[RATE, EDGE], [RATE, LENGTH - 2 * EDGE], [0, EDGE]]) },
    thresholds: pageThresholds(RATE * LENGTH),
};

export default function () {
    visit(BASE);
}

export function handleSummary(data) {
    const figures = pageFigures(data);
    return report(data, [
        `load: up to ${count(RATE)} page visits/s for ${setting('DURATION')} through ${BASE}, ids ${idRange()}`,
        ...pageLines(data, figures),
    ], figures);
}
