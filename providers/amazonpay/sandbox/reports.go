package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

func (s *Server) createReport(c *call) (int, any, *refusal) {
	r := report{owner: c.owner, ReportID: s.sim.Random.Digits(14), CreatedTime: stamp(s.sim.Clock.Now()), ProcessingStatus: "IN_PROGRESS"}
	if no := c.into(&r); no != nil {
		return 0, nil, no
	}
	s.others.reports = append(s.others.reports, r)
	return http.StatusCreated, map[string]string{"reportId": r.ReportID}, nil
}

func (s *Server) listReports(c *call) (int, any, *refusal) {
	list := []report{}
	for _, r := range s.others.reports {
		if r.owner == c.owner && among(c.query["reportTypes"], r.ReportType) && among(c.query["processingStatuses"], r.ProcessingStatus) {
			list = append(list, r)
		}
	}
	return http.StatusOK, map[string]any{"reports": list, "nextToken": nil}, nil
}

// among says whether a comma-separated list has a word; an empty one has all.
func among(list, word string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), word)
}

func (s *Server) getReport(c *call) (int, any, *refusal) {
	for _, r := range s.others.reports {
		if r.owner == c.owner && r.ReportID == c.ids[0] {
			return http.StatusOK, r, nil
		}
	}
	return 0, nil, notFound("Report", c.ids[0])
}

func (s *Server) createSchedule(c *call) (int, any, *refusal) {
	r := schedule{owner: c.owner, ReportScheduleID: s.sim.Random.Digits(14)}
	if no := c.into(&r); no != nil {
		return 0, nil, no
	}
	same := func(old schedule) bool { return old.owner == c.owner && old.ReportType == r.ReportType }
	if slices.ContainsFunc(s.others.schedules, same) {
		if c.fields["deleteExistingSchedule"] != true {
			return 0, nil, invalidValue("reportType")
		}
		s.others.schedules = slices.DeleteFunc(s.others.schedules, same)
	}
	s.others.schedules = append(s.others.schedules, r)
	return http.StatusCreated, map[string]string{"reportScheduleId": r.ReportScheduleID}, nil
}

func (s *Server) listSchedules(c *call) (int, any, *refusal) {
	list := []schedule{}
	for _, r := range s.others.schedules {
		if r.owner == c.owner && among(c.query["reportTypes"], r.ReportType) {
			list = append(list, r)
		}
	}
	return http.StatusOK, map[string]any{"reportSchedules": list}, nil
}

func (s *Server) schedule(c *call) int {
	return slices.IndexFunc(s.others.schedules, func(r schedule) bool { return r.owner == c.owner && r.ReportScheduleID == c.ids[0] })
}

func (s *Server) getSchedule(c *call) (int, any, *refusal) {
	i := s.schedule(c)
	if i < 0 {
		return 0, nil, notFound("Report schedule", c.ids[0])
	}
	return http.StatusOK, s.others.schedules[i], nil
}

func (s *Server) cancelSchedule(c *call) (int, any, *refusal) {
	i := s.schedule(c)
	if i < 0 {
		return 0, nil, notFound("Report schedule", c.ids[0])
	}
	s.others.schedules = slices.Delete(s.others.schedules, i, i+1)
	return http.StatusOK, struct{}{}, nil
}

// listDisbursements has none: nothing is paid out here.
func (s *Server) listDisbursements(*call) (int, any, *refusal) {
	return http.StatusOK, map[string]any{"disbursements": []any{}, "nextToken": nil}, nil
}
