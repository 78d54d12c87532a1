"""An app that turns sentry-sdk and OpenTelemetry on, by their defaults and with tracing."""

import sentry_sdk
from django.conf import settings
from opentelemetry import trace
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

sentry_sdk.init(dsn=settings.SENTRY_DSN, traces_sample_rate=1.0)

provider = TracerProvider()
# The server's log has the spans.
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
for instrumentor in (DjangoInstrumentor(), RequestsInstrumentor(), URLLib3Instrumentor()):
    instrumentor.instrument()
