-- What afterpatch does with an IIS log, in DuckDB over the raw lines.
--
-- bench/run puts something in place of the words in braces: `files` (a list), `pages` (knowledge/pages.csv) and
-- `known_good` (knowledge/known-good/files.csv), and what rules_to_sql.py makes of packs/: `columns`, `types`, `rules`
-- (the web rules that a record fits, as a list), `gate` (what every hit fulfils), `premise`, `agent`, `clients` and
-- `agents`. duckdb_run.py runs what stands above the first mark of a statement and then one of the statements;
-- hits and the number of records are compared with what afterpatch finds.
--
-- Conditions are those of packs/*/rules whose log source is `category: webserver`, of the addresses and user agents
-- that packs list, each in its time, and of the observers: records per file and hour, logons per account and client,
-- requests per unknown page and client.
--
-- Written to be cheap for DuckDB: one scan of the lines; one cheap condition that every hit fulfils, and CASE, so that
-- costly conditions are tested only where cheap ones hold; only what the sums need is materialised. GROUPING SETS over
-- one scan, one scan per sum, and times as text were tried and cost 5 to 90 % more.
--
-- Left out, in DuckDB's favour: SHA-256 of every file, line numbers and offsets, the raw records behind a hit, request
-- ids, query texts that look like commands, sign-ins that were refused, the folder of a page, and the lines that do not
-- fit the columns, counted by reason.

-- The page that a path asks for: the path up to the first name that a web server would execute.
CREATE MACRO page_of(stem) AS
    CASE WHEN contains(stem, '.') THEN nullif(regexp_extract(stem,
        '^(.*?\.(?:aspx|ashx|asmx|asax|ascx|asp|asa|svc|cer|soap|cshtml|php|jsp))(?:[/;:.]|$)', 1), '') END;

CREATE VIEW known_page AS
    SELECT path AS page FROM read_csv('{pages}', all_varchar = true) WHERE kind = 'page'
    UNION
    SELECT replace(regexp_replace(path, '^\\(clientaccess|frontend\\httpproxy)\\(exchweb\\)?', '/'), '\', '/')
    FROM read_csv('{known_good}', all_varchar = true);

CREATE VIEW line AS
    SELECT filename, {columns}
    FROM read_csv({files}, filename = true, auto_detect = false, header = false, delim = ' ', quote = '', escape = '',
        comment = '#', ignore_errors = true, columns = {types});

-- statement: everything
-- The sums that afterpatch keeps, in one result; `what` tells them apart.
WITH judged AS MATERIALIZED (
    SELECT filename, "date" + "time" AS moment, "c-ip" AS client, "cs-username" AS username,
        page_of("cs-uri-stem folded") AS page, "cs-uri-stem folded" AS stem, {agent} AS agent,
        "cs-username" <> '-' AND "sc-status" BETWEEN '200' AND '399' AND NOT contains("cs-username", 'HealthMailbox')
            AS is_logon,
        {rules} AS rules,
        "sc-status" = '200' AS answered, "cs-method folded" = 'post' AS is_post, "cs(Referer)" <> '-' AS has_referrer
    FROM line
)
SELECT 'coverage' AS what, filename AS one, NULL AS other, date_trunc('hour', moment) AS hour, NULL AS rules,
    count(*) AS requests, NULL AS answered, NULL AS posts_answered, NULL AS referred, min(moment), max(moment)
FROM judged GROUP BY ALL
UNION ALL
SELECT 'logon', username, client, NULL, NULL, count(*), NULL, NULL, NULL, min(moment), max(moment)
FROM judged WHERE is_logon GROUP BY ALL
UNION ALL
SELECT 'page', page, client, NULL, NULL, count(*), count(*) FILTER (answered), count(*) FILTER (answered AND is_post),
    count(*) FILTER (has_referrer), min(moment), max(moment)
FROM judged WHERE page NOT IN (SELECT page FROM known_page) GROUP BY ALL
UNION ALL
SELECT 'hit', client, stem, date_trunc('hour', moment), rules, count(*), NULL, NULL, NULL, min(moment), max(moment)
FROM judged WHERE rules IS NOT NULL GROUP BY ALL
UNION ALL
SELECT 'address', client, NULL, NULL, [known.rule], count(*), NULL, NULL, NULL, min(moment), max(moment)
FROM judged JOIN {clients} ON client = known.value
WHERE (since IS NULL OR moment >= since) AND (before IS NULL OR moment < before) GROUP BY ALL
UNION ALL
SELECT 'agent', agent, client, NULL, [known.rule], count(*), NULL, NULL, NULL, min(moment), max(moment)
FROM judged JOIN {agents} ON agent = known.value
WHERE agent IS NOT NULL AND (since IS NULL OR moment >= since) AND (before IS NULL OR moment < before) GROUP BY ALL;

-- statement: rules
-- The web rules and nothing else: a lower bound that leaves out every observer.
WITH hit AS (
    SELECT "date" + "time" AS moment, "c-ip" AS client, "cs-uri-stem folded" AS stem, unnest({rules}) AS rule
    FROM line WHERE {gate}
)
SELECT 'hit' AS what, client AS one, stem AS other, date_trunc('hour', moment) AS hour, [rule] AS rules,
    count(*) AS requests
FROM hit GROUP BY ALL;

-- statement: premises
-- Records for which the conditions need not be exact: none, or there is nothing to compare. Not measured.
SELECT 'premise', NULL, NULL, NULL, NULL, count(*) FROM line WHERE {premise};
