-- What afterpatch does with an IIS log, in DuckDB over the raw lines.
--
-- bench/run puts paths in place of {files} (a list), {pages} (knowledge/pages.csv), {known_good}
-- (knowledge/known-good/files.csv) and {packs} (the folder), runs what stands above the first `-- statement:` and then
-- one of the statements, and compares hits and the number of records with what afterpatch finds.
--
-- Conditions are those of packs/*/rules whose log source is `category: webserver`, of the address indicators of all
-- packs, and of the observers: records per file and hour, logons per account and client, requests per unknown page and
-- client. String tests disregard case, as Sigma's do.
--
-- Written to be cheap for DuckDB: one scan of the lines; CASE, so that costly conditions are tested only where cheap
-- ones hold; only what the sums need is materialised. GROUPING SETS over one scan, one scan per sum, and times as text
-- were tried and cost 5 to 90 % more.
--
-- Left out, in DuckDB's favour: SHA-256 of every file, line numbers and offsets, the raw records behind a hit, request
-- ids, query texts that look like commands, and the lines that do not fit the columns, counted by reason.

CREATE MACRO is_front_end(port) AS port NOT IN ('81', '444');

CREATE MACRO is_static_name(stem) AS
    regexp_matches(stem, '(\.(js|css|gif|png|jpg|jpeg|ico|svg|eot|ttf|woff|woff2|flt|htm|html|txt)|/owa/auth/current/)$');

CREATE MACRO is_unknown_place(stem, port) AS
    (starts_with(stem, '/aspnet_client/')
        AND regexp_matches(stem, '\.(aspx|asp|ashx|asmx|asax|cer|soap|svc|cshtml|php|jsp)(/|$)'))
    OR ((starts_with(stem, '/owa/auth/') OR starts_with(stem, '/ecp/auth/') OR starts_with(stem, '/oab/'))
        AND regexp_matches(stem, '\.(aspx|asp|ashx|asmx|asax|cer|soap|cshtml|php|jsp)(/|$)')
        AND stem NOT IN ('/owa/auth/errorfe.aspx', '/owa/auth/expiredpassword.aspx', '/owa/auth/frowny.aspx',
            '/owa/auth/logoff.aspx', '/owa/auth/logon.aspx', '/owa/auth/outlookcn.aspx',
            '/owa/auth/redirsuiteserviceproxy.aspx', '/owa/auth/signout.aspx', '/owa/auth/svmfeedback.aspx',
            '/ecp/auth/timeoutlogout.aspx')
        AND is_front_end(port));

CREATE MACRO has_token(stem, query) AS
    regexp_matches(stem, 'x(-|%2d)rps(-|%2d)cat') OR regexp_matches(query, 'x(-|%2d)rps(-|%2d)cat');

CREATE MACRO has_inner_page(stem, query) AS
    regexp_matches(stem, '(/|%2f)(mapi(/|%2f)(nspi|emsmdb)|ews(/|%2f|\?|%3f|$)|autodiscover(/|%2f)autodiscover(\.|%2e)xml)')
    OR regexp_matches(query, '(@|%40)[^&]*(/|%2f)(mapi(/|%2f)(nspi|emsmdb)|ews(/|%2f|\?|%3f|$)|autodiscover(/|%2f)autodiscover(\.|%2e)xml)');

CREATE MACRO has_inner_shell(stem, query) AS
    regexp_matches(stem, '(/|%2f)powershell') OR regexp_matches(query, '(@|%40)[^&]*(/|%2f)powershell');

CREATE MACRO is_scanner(stem, query) AS
    regexp_matches(stem, '(@|%40)(zdi|test\.com)/') OR regexp_matches(query, '(@|%40)(zdi|test\.com)/')
    OR regexp_matches(stem, '(@|%40)[^&]*(/|%2f)owa') OR regexp_matches(query, '(@|%40)[^&]*(/|%2f)owa(/|%2f|\?|%3f|$)');

CREATE MACRO is_routed(query) AS regexp_matches(query, 'email=autodiscover(/|%2f)autodiscover(\.|%2e)json');

-- Rules over autodiscover addresses; called only where folder, document and at-sign hold.
CREATE MACRO autodiscover_rules(stem, query, username, status) AS
    list_filter([
        CASE WHEN has_token(stem, query) AND status = '200' THEN 'proxyshell/iis-token' END,
        CASE WHEN NOT has_token(stem, query) AND has_inner_page(stem, query) AND status = '200' AND username = '-'
            THEN CASE WHEN regexp_matches(stem, '(/|%2f)ews(/|%2f|\?|%3f|$)')
                        OR regexp_matches(query, '(@|%40)[^&]*(/|%2f)ews(/|%2f|\?|%3f|$)')
                THEN 'proxyshell/iis-ews' ELSE 'proxyshell/iis-inner-page' END END,
        CASE WHEN username = '-'
                AND (has_token(stem, query) OR has_inner_page(stem, query) OR has_inner_shell(stem, query) OR is_routed(query))
                AND NOT (has_token(stem, query) AND status = '200')
                AND NOT (has_inner_page(stem, query) AND status = '200')
                AND NOT (is_scanner(stem, query) AND NOT has_token(stem, query))
            THEN 'proxyshell/iis-attempt' END,
        CASE WHEN username = '-' AND is_scanner(stem, query) AND NOT has_token(stem, query)
                AND (has_inner_page(stem, query) OR has_inner_shell(stem, query) OR is_routed(query))
                AND NOT (has_inner_page(stem, query) AND status = '200')
            THEN 'proxyshell/iis-scan' END
    ], lambda name: name IS NOT NULL);

CREATE MACRO rule_of(stem, query, method, port, username, client, agent, referer, status) AS
    CASE
        WHEN method = 'POST' AND (starts_with(stem, '/ecp/') OR starts_with(stem, '/owa/auth/'))
                AND is_static_name(stem) AND is_front_end(port)
            THEN [CASE WHEN status = '241' THEN 'proxylogon/iis-static-post-241' ELSE 'proxylogon/iis-static-post' END]
        WHEN status IN ('200', '500', '301', '302', '307', '308', '400', '401', '403', '404', '405', '410')
                AND (starts_with(stem, '/aspnet_client/') OR starts_with(stem, '/owa/auth/')
                    OR starts_with(stem, '/ecp/auth/') OR starts_with(stem, '/oab/'))
                AND is_unknown_place(stem, port)
            THEN [CASE WHEN status = '200' THEN 'exchange-host/page-answered'
                       WHEN status = '500' THEN 'exchange-host/page-failed'
                       ELSE 'exchange-host/page-probe' END]
        WHEN starts_with(stem, '/autodiscover')
                AND (contains(stem, 'autodiscover.json') OR contains(query, 'autodiscover.json'))
                AND (contains(stem, '@') OR contains(stem, '%40') OR contains(query, '@') OR contains(query, '%40'))
            THEN autodiscover_rules(stem, query, username, status)
        WHEN starts_with(stem, '/powershell') AND status = '200' AND contains(query, 'autodiscover.json')
                AND regexp_matches(query, 'x(-|%2d)rps(-|%2d)cat')
            THEN ['proxyshell/iis-back-end']
        WHEN ends_with(stem, '/ddi/ddiservice.svc/setobject') AND status = '200' AND referer = '-'
                AND contains(query, 'schema=reset') AND contains(query, 'virtualdirectory')
                AND NOT contains(query, 'activitycorrelationid=')
            THEN ['proxylogon/iis-oab-reset']
        WHEN stem = '/rpc/' AND method = 'GET' AND status = '401' AND username = '-'
                AND contains(query, '&correlationid=<empty>;&requestid=')
                AND NOT regexp_matches(agent, '(?i)msrpc|amprobe|msexchmon|outlook')
                AND client NOT IN ('127.0.0.1', '::1')
            THEN ['proxylogon/iis-rpc-recon']
    END;

-- The page that a path asks for: the path up to the first name that a web server would execute.
CREATE MACRO page_of(stem) AS
    CASE WHEN contains(stem, '.') THEN nullif(regexp_extract(stem,
        '^(.*?\.(?:aspx|ashx|asmx|asax|ascx|asp|asa|svc|cer|soap|cshtml|php|jsp))(?:[/;:.]|$)', 1), '') END;

CREATE VIEW known_page AS
    SELECT path AS page FROM read_csv('{pages}', all_varchar = true) WHERE kind = 'page'
    UNION
    SELECT replace(regexp_replace(path, '^\\(clientaccess|frontend\\httpproxy)\\(exchweb\\)?', '/'), '\', '/')
    FROM read_csv('{known_good}', all_varchar = true);

CREATE VIEW known_client AS
    SELECT DISTINCT value AS client FROM read_csv('{packs}/*/indicators.csv', all_varchar = true) WHERE type = 'ip';

CREATE VIEW line AS
    SELECT filename, date + time AS moment, lower(stem) AS stem, lower(query) AS query, upper(method) AS method, port,
        username, client, agent, referer, status
    FROM read_csv({files}, filename = true, auto_detect = false, header = false, delim = ' ', quote = '', escape = '',
        comment = '#', ignore_errors = true,
        columns = {'date': 'DATE', 'time': 'TIME', 'server': 'VARCHAR', 'method': 'VARCHAR', 'stem': 'VARCHAR',
            'query': 'VARCHAR', 'port': 'VARCHAR', 'username': 'VARCHAR', 'client': 'VARCHAR', 'agent': 'VARCHAR',
            'referer': 'VARCHAR', 'status': 'VARCHAR', 'substatus': 'VARCHAR', 'win32': 'VARCHAR', 'taken': 'VARCHAR'});

-- statement: everything
-- The five sums that afterpatch keeps, in one result; `what` tells them apart.
WITH judged AS MATERIALIZED (
    SELECT filename, moment, client, username, page_of(stem) AS page, stem,
        username <> '-' AND status BETWEEN '200' AND '399' AND NOT contains(username, 'HealthMailbox') AS is_logon,
        rule_of(stem, query, method, port, username, client, agent, referer, status) AS rules,
        status = '200' AS answered, method = 'POST' AS is_post, referer <> '-' AS has_referrer
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
SELECT 'address', client, NULL, NULL, NULL, count(*), NULL, NULL, NULL, min(moment), max(moment)
FROM judged WHERE client IN (SELECT client FROM known_client) GROUP BY ALL;

-- statement: rules
-- The web rules and nothing else: a lower bound that leaves out every observer.
WITH judged AS (
    SELECT filename, moment, client, stem,
        rule_of(stem, query, method, port, username, client, agent, referer, status) AS rules
    FROM line
)
SELECT 'hit' AS what, client AS one, stem AS other, date_trunc('hour', moment) AS hour, rules, count(*) AS requests
FROM judged WHERE rules IS NOT NULL GROUP BY ALL;
