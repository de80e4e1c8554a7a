/* The triangulation of scipy.spatial.Delaunay, for a browser: the steps of `qh_new_qhull_scipy`
   (scipy/spatial/qhull_misc.c) and of `get_simplex_facet_array` (_qhull.pyx), with SciPy's options. */
#include "libqhull_r/qhull_ra.h"

#define POINTS 1024 /* of 32 x 32 pixels */
#define TRIANGLES (2 * POINTS)

static double points[2 * POINTS];
static int triangles[3 * TRIANGLES];

double *given(void) { return points; }
int *found(void) { return triangles; }

/* Triangulate the first `number` of `given`; return how many triangles there are, whose corners `found` has. */
int delaunay(int number) {
  qhT state, *qh = &state;
  char options[] = "qhull d Qt Qbb Qc Qz Q12";
  facetT *facet;
  int count = 0, shorts, longs;
  memset(qh, 0, sizeof state);
  qh_init_A(qh, NULL, NULL, stderr, 0, NULL);
  qh->NOerrexit = False;
  qh_initflags(qh, options);
  qh->PROJECTdelaunay = True;
  qh_init_B(qh, points, number, 2, False);
  qh_qhull(qh);
  qh_check_output(qh);
  qh_prepare_output(qh);
  FORALLfacets {
    if (facet->upperdelaunay == qh->UPPERdelaunay && count < TRIANGLES) {
      for (int corner = 0; corner < 3; corner++)
        triangles[3 * count + corner] = qh_pointid(qh, ((vertexT *)facet->vertices->e[corner].p)->point);
      count++;
    }
  }
  qh_freeqhull(qh, qh_ALL);
  qh_memfreeshort(qh, &shorts, &longs);
  return count;
}
