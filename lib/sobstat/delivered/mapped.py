"""What a mapping makes of the columns of a file, as SQL."""

from sobstat.contract import Source, quoted
from sobstat.delivered.mapping import MappedColumn, SourceMapping, mapped_persons


def mapped_columns(source: Source, mapping: SourceMapping) -> tuple[list[str], str]:
    """The contract's columns as SQL, in its order, and a condition for the rows; over what is read: `rad`, and the
    columns `columns_read` as the texts k0, k1, …
    """
    at = {name: f"k{number}" for number, name in enumerate(mapping.columns_read)}
    hashed = [name for name in at if name not in mapped_persons(source, mapping)]
    columns = []
    for name in source.columns:
        sql = _sql(mapping.columns[name], at, hashed) if name in mapping.columns else "CAST(NULL AS VARCHAR)"
        columns.append(f"{sql} AS {name}")
    return columns, " AND ".join(f"trim({at[name]}) <> ''" for name in mapping.given) or "true"


def _sql(column: MappedColumn, at: dict[str, str], hashed: list[str]) -> str:
    if column.value is not None:
        return quoted(column.value)
    if column.hash_of:
        # Rows of a file that are alike are numbered, so that they stay as many, whatever order they come in.
        named = hashed if column.hash_of == ["row"] else column.hash_of
        texts = ", ".join(f"coalesce({at[name]}, '')" for name in named)
        return f"concat(md5(concat_ws(chr(31), {texts})), '-', row_number() OVER (PARTITION BY {texts} ORDER BY rad))"
    sql = at[column.column[0]]
    if len(column.column) > 1:
        sql = f"coalesce({', '.join(f'''nullif(trim({at[name]}), '')''' for name in column.column)})"
    if column.values:
        cases = " ".join(
            f"WHEN trim(coalesce({sql}, '')) IN ({', '.join(map(quoted, texts))}) THEN {quoted(value)}"
            for value, texts in column.values.items()
        )
        sql = f"CASE {cases} ELSE {sql} END"
    if column.format or column.timezone:
        sql = f"coalesce({', '.join([*_times(sql, column), sql])})"
    return sql


def _times(text: str, column: MappedColumn) -> list[str]:
    """A time in each of its forms as a text in ISO 8601, NULL where the text is of another."""
    times = []
    for form in column.format:
        parsed = f"try_strptime(trim({text}), {quoted(form)})"
        if "%z" in form.lower():
            times.append(f"CAST({parsed} AS VARCHAR)")
        elif column.timezone:
            times.append(_instant(parsed, column.timezone))
        else:
            times.append(f"strftime({parsed}, '%Y-%m-%dT%H:%M:%S.%f')")
    if column.timezone:
        # A day, or a time, without an offset; any other text is left to the contract.
        local = f"regexp_extract(replace(trim({text}), ',', '.'), '^\\d{{4}}-\\d{{2}}-\\d{{2}}([T ][\\d:.]+)?$')"
        times.append(_instant(f"try_cast(nullif({local}, '') AS TIMESTAMP)", column.timezone))
    return times


def _instant(local: str, timezone: str) -> str:
    """A local time with its offset; the hour that occurs twice in autumn is the first of the two, as everywhere."""
    zone = quoted(timezone)
    instant = f"timezone({zone}, {local})"
    earlier = f"{instant} - INTERVAL 1 HOUR"
    return f"CAST(CASE WHEN timezone({zone}, {earlier}) = {local} THEN {earlier} ELSE {instant} END AS VARCHAR)"
