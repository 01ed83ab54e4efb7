package dev.chatkeep.provider;

import java.util.Locale;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;

/** Forwards the events of a call and records metrics: the time to the first byte, and failures by kind. */
final class MeasuredListener implements ProviderListener {

    private final ProviderListener listener;
    private final MeterRegistry metrics;
    private final Timer.Sample start;

    MeasuredListener(ProviderListener listener, MeterRegistry metrics) {
        this.listener = listener;
        this.metrics = metrics;
        this.start = Timer.start(metrics);
    }

    @Override
    public void arrived() {
        start.stop(metrics.timer("chatkeep.provider.first.byte"));
        listener.arrived();
    }

    @Override
    public void opened() {
        listener.opened();
    }

    @Override
    public void received(String data) {
        listener.received(data);
    }

    @Override
    public void ended() {
        listener.ended();
    }

    @Override
    public void failed(ProviderFailure failure) {
        metrics.counter("chatkeep.provider.failures", "kind", failure.kind().name().toLowerCase(Locale.ROOT)).increment();
        listener.failed(failure);
    }
}
