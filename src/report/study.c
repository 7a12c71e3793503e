/* The report on a study. */
#include "mote/study.h"

#include "report/page.h"

mote_status mote_study_report(mote_context *context, const char *folder, const char *path)
{
    mote_text body = {.context = context};
    mote_page_section(&body, "Study", folder);
    mote_status status = mote_page_write(context, path, "mote study", &body, json_object(), NULL);
    mote_text_clear(&body);
    return status;
}
