// Package metrics counts what relay does, for Prometheus.
package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"relay/app/live"
	"relay/app/lookup"
)

// Metrics holds every counter. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	bodyBytes  prometheus.Counter
	calls      prometheus.Counter
	inFlight   prometheus.Gauge
	appendRows prometheus.Histogram
	appendTime prometheus.Histogram
	appendErrs prometheus.Counter
	projected  *prometheus.CounterVec
	batchTime  *prometheus.HistogramVec
	failures   *prometheus.CounterVec
	issues     *prometheus.CounterVec
}

// New returns metrics that, at each scrape, also read the lag from status.
func New(status lookup.StatusReader) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	latency := prometheus.ExponentialBuckets(0.0005, 2, 14)
	m.requests = m.counters("relay_ingest_requests_total", "Requests answered, by route and status.", "route", "status")
	m.seconds = m.histograms("relay_ingest_request_seconds", "Time from the request's head to its answer.", latency, "route")
	m.bodyBytes = m.counter("relay_ingest_bytes_total", "Bytes of request bodies, decompressed.")
	m.calls = m.counter("relay_ingest_calls_total", "Calls in accepted payloads.")
	m.inFlight = m.gauge("relay_ingest_in_flight_bytes", "Bytes of request bodies held in memory.")
	m.appendRows = m.histogram("relay_append_batch_rows", "Payloads in one commit.", prometheus.ExponentialBuckets(1, 2, 11))
	m.appendTime = m.histogram("relay_append_commit_seconds", "Time of one commit to the log.", latency)
	m.appendErrs = m.counter("relay_append_failures_total", "Commits to the log that failed.")
	m.projected = m.counters("relay_projected_calls_total", "Calls that projections read.", "projection")
	m.batchTime = m.histograms("relay_projection_batch_seconds", "Time of one projection batch.", latency, "projection")
	m.failures = m.counters("relay_projection_failures_total", "Batches that failed and were tried again.", "projection")
	m.issues = m.counters("relay_issues_total",
		"Issues: values and calls that projections ignored, since this process started.", "projection", "code")
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), lag{status})
	return m
}

func register[C prometheus.Collector](m *Metrics, c C) C {
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return register(m, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return register(m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}

func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	return register(m, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	return register(m, prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}))
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return register(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels))
}

// Handler serves the metrics in Prometheus' text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Request counts one answered request.
func (m *Metrics) Request(route string, status, bytes, calls int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
	m.bodyBytes.Add(float64(bytes))
	m.calls.Add(float64(calls))
}

// InFlight sets how many bytes of bodies are in memory.
func (m *Metrics) InFlight(bytes int64) { m.inFlight.Set(float64(bytes)) }

// Committed counts one commit to the log.
func (m *Metrics) Committed(rows, _ int, took time.Duration, err error) {
	if err != nil {
		m.appendErrs.Inc()
		return
	}
	m.appendRows.Observe(float64(rows))
	m.appendTime.Observe(took.Seconds())
}

// Projected counts one projection batch.
func (m *Metrics) Projected(projection string, batch live.BatchResult) {
	m.projected.WithLabelValues(projection).Add(float64(batch.Calls))
	m.batchTime.WithLabelValues(projection).Observe(batch.Took.Seconds())
	for key, issue := range batch.Issues {
		m.issues.WithLabelValues(projection, key.Code).Add(float64(issue.Count))
	}
}

// ProjectionFailed counts a batch that will be tried again.
func (m *Metrics) ProjectionFailed(projection string, _ error) {
	m.failures.WithLabelValues(projection).Inc()
}

// lag reads how far projections are behind at the time of the scrape.
type lag struct {
	status lookup.StatusReader
}

var (
	headDesc       = prometheus.NewDesc("relay_log_head_offset", "Greatest offset in the log.", nil, nil)
	lagRowsDesc    = prometheus.NewDesc("relay_projection_lag_rows", "Log rows past the checkpoint.", []string{"projection"}, nil)
	lagSecondsDesc = prometheus.NewDesc("relay_projection_lag_seconds",
		"Age of the oldest log row past the checkpoint.", []string{"projection"}, nil)
)

// Describe implements prometheus.Collector.
func (lag) Describe(out chan<- *prometheus.Desc) {
	out <- headDesc
	out <- lagRowsDesc
	out <- lagSecondsDesc
}

// Collect implements prometheus.Collector.
func (l lag) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	status, err := l.status.Read(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(headDesc, err)
		return
	}
	out <- prometheus.MustNewConstMetric(headDesc, prometheus.GaugeValue, float64(status.Log.Head))
	for _, p := range status.Projections {
		out <- prometheus.MustNewConstMetric(lagRowsDesc, prometheus.GaugeValue, float64(p.LagRows), p.Name)
		out <- prometheus.MustNewConstMetric(lagSecondsDesc, prometheus.GaugeValue, p.LagSeconds, p.Name)
	}
}
