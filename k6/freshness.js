// How old is what is read while others write? Page visits through NGINX, SQL writes beside them, and reads of what was
// written just now on every listener of NGINX and of each replica. The metric `staleness` says for how long what an answer
// lacks had been committed: 0 for an answer that lacks nothing. Nothing may be older than 250 ms.
import { BASE, TREND_STATS, count, idRange, report, seconds, setting } from './lib.js';
import { PAGE_OPTIONS, pageFigures, pageLines, pageThresholds, visit } from './pages.js';
import { round as readStamps, stampFigures, stampLines, stampThresholds } from './stamps.js';
import { constant } from './arrivals.js';

const RATE = Number(setting('RATE'));
const LENGTH = seconds(setting('DURATION'));
const ROUNDS_PER_S = 10;
const PAGES = '{scenario:pages}';

export const options = {
    ...PAGE_OPTIONS,
    summaryTrendStats: TREND_STATS,
    scenarios: {
        pages: { ...constant(RATE, 0, LENGTH), exec: 'page' },
        checks: { ...constant(ROUNDS_PER_S, 0, LENGTH), exec: 'round' },
    },
    thresholds: { ...pageThresholds(RATE * LENGTH, PAGES), ...stampThresholds(ROUNDS_PER_S) },
};

export function page() {
    visit(BASE);
}

export const round = readStamps;

export function handleSummary(data) {
    const figures = { ...pageFigures(data, PAGES), ...stampFigures(data) };
    return report(data, [
        `freshness: ${count(RATE)} page visits/s for ${setting('DURATION')} through ${BASE}, ids ${idRange()}; ${setting('CHANGES')} SQL transactions/s`,
        ...pageLines(data, figures, PAGES),
        ...stampLines(data, figures),
    ], figures);
}
