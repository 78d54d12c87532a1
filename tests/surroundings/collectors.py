"""An app that turns sentry-sdk and OpenTelemetry on, by their defaults and with tracing.

The server's log has what they would send.
"""

import sentry_sdk
from opentelemetry import trace
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from sentry_sdk.transport import Transport


class Log(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            print("sentry", item.type, item.get_bytes().decode(), flush=True)  # noqa: T201


sentry_sdk.init(dsn="http://key@127.0.0.1/1", traces_sample_rate=1.0, transport=Log)

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
for instrumentor in (DjangoInstrumentor(), RequestsInstrumentor(), URLLib3Instrumentor()):
    instrumentor.instrument()
