WITH daily AS (
  SELECT date_trunc('day', from_unixtime(e.ts)) AS day, e.client_id, count(*) AS requests, approx_percentile(e.latency, 0.99) AS p99,
         sum(CASE WHEN e.status >= 500 THEN 1 ELSE 0 END) AS errors
  FROM analytics.events e
  JOIN analytics.clients c ON c.client_id = e.client_id AND c.active = true
  WHERE e.year = '2026' AND e.month IN ('10', '11') AND e.path NOT LIKE '/health%'
  GROUP BY 1, 2
), ranked AS (
  SELECT day, client_id, requests, p99, errors, row_number() OVER (PARTITION BY day ORDER BY requests DESC) AS rn,
         lag(requests, 1, 0) OVER (PARTITION BY client_id ORDER BY day) AS previous
  FROM daily
)
SELECT r.day, r.client_id, r.requests, round(100.0 * r.errors / nullif(r.requests, 0), 2) AS error_percent, r.p99, r.previous
FROM ranked r LEFT JOIN analytics.owners o ON o.client_id = r.client_id
WHERE r.rn <= 20 AND (o.team IS NULL OR o.team IN ('a', 'b', 'c')) AND r.day BETWEEN date '2026-10-01' AND date '2026-11-30'
ORDER BY r.day DESC, r.requests DESC
LIMIT 500
