"""Disclosure control: which counts are hidden, so that nobody can be recognised in the figures.

Two rules, one published mark (`dold`):

primary        A count of residents at or below the threshold is hidden. The rule is the publication's own.
complementary  Other counts are hidden with them, as few and as small as possible, so that no hidden count can be
               worked out from what the edition shows elsewhere: a total minus the other parts, Riket minus the other
               län, one table against another.

    thresholds.py, rule.py   the thresholds, and the primary rule: pure, every table passes it on its way out
    cells.py    every count that an edition publishes under a threshold, and how they are tied to each other
    choose.py   which other cells are hidden with them: linear programming (HiGHS)
    mask.py     the choice for a period, made once for the whole country and kept beside the warehouse

A hidden count is protected if what is shown leaves it open, within the bounds that tie the cells together,

* that it is lower by the threshold, or 0; and
* for a count hidden by the primary rule, that it exceeds the threshold.

So every hidden count has an interval of feasible values at least as wide as the threshold, and what an edition shows
never tells that a count is at or below it. Counts of different persons overlap (a person in two units, two
months), and so give bounds, not equations: a part is at most its whole, the whole at most the sum of its parts.
Groups of kön and age split persons exactly, and so do events: these give equations.

Case and staff counts are shown, unless their own thresholds are set; then they obey the same rules, and that
residents are at most starts is counted among what is known. Without them, that few starts mean few residents is the
source's own choice; only that no start means no resident is then counted as known.

The choice covers every report of reports.yml, every region and every period of periods.py, whatever part of them an
edition holds, so the same count is hidden or shown everywhere: on the pages, in the files, in `sobstat table`, in a
rerun of the same period. All periods end with the same month, so each holds the shorter ones: events add to what the
months between bring, persons overlap, and where there is not one event more there is not one person more.
A breakdown that no report has is under the primary rule alone.
"""
