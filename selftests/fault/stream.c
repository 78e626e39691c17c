#include "fault.h"
void stream_series(struct fault *f)
{
}
