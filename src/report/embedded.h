/* Files that the library carries for reports: the parts of a page, and the charting library with its licence.
 * cmake/report.cmake names them. */
#ifndef MOTE_REPORT_EMBEDDED_H
#define MOTE_REPORT_EMBEDDED_H

#include "base/embedded.h"

extern const mote_embedded mote_embedded_page_html, mote_embedded_page_css, mote_embedded_page_js,
    mote_embedded_drawing_js, mote_embedded_charts_js, mote_embedded_ribbon_js, mote_embedded_raster_js,
    mote_embedded_structure_js, mote_embedded_maps_js, mote_embedded_study_js;

/* Empty where D3 was not found when mote was built. */
extern const mote_embedded mote_embedded_d3, mote_embedded_d3_license;

#endif
