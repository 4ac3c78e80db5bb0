// Prints, of each kind in k8s.io/api, the fields that have a patch strategy, with their merge keys: ../../merge-keys.txt.
package main

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	adm "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	auto1 "k8s.io/api/autoscaling/v1"
	auto2 "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	certs "k8s.io/api/certificates/v1"
	coord "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	disc "k8s.io/api/discovery/v1"
	flow "k8s.io/api/flowcontrol/v1"
	net "k8s.io/api/networking/v1"
	node "k8s.io/api/node/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	res "k8s.io/api/resource/v1"
	sched "k8s.io/api/scheduling/v1"
	stor "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

type entry struct{ path, strat, key string }

func walk(t reflect.Type, path string, seen map[reflect.Type]int, out *[]entry) {
	for t.Kind() == reflect.Ptr {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		walk(t.Elem(), path+".*", seen, out)
	case reflect.Map:
		walk(t.Elem(), path+".*", seen, out)
	case reflect.Struct:
		if seen[t] > 0 || strings.HasSuffix(t.String(), "v1.Time") || strings.HasSuffix(t.String(), "Quantity") {
			return
		}
		seen[t]++
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			tag := strings.Split(f.Tag.Get("json"), ",")
			p := path
			if !(tag[0] == "") {
				p = path + "." + tag[0]
			} else if !f.Anonymous {
				continue
			}
			if tag[0] == "managedFields" {
				continue
			}
			if s := f.Tag.Get("patchStrategy"); s != "" {
				*out = append(*out, entry{p, s, f.Tag.Get("patchMergeKey")})
			}
			walk(f.Type, p, seen, out)
		}
		seen[t]--
	}
}

func main() {
	s := runtime.NewScheme()
	for _, f := range []func(*runtime.Scheme) error{adm.AddToScheme, apps.AddToScheme, auto1.AddToScheme, auto2.AddToScheme, batch.AddToScheme, certs.AddToScheme, coord.AddToScheme, core.AddToScheme, disc.AddToScheme, flow.AddToScheme, net.AddToScheme, node.AddToScheme, policy.AddToScheme, rbac.AddToScheme, res.AddToScheme, sched.AddToScheme, stor.AddToScheme} {
		if err := f(s); err != nil {
			panic(err)
		}
	}
	var lines []string
	for gvk, t := range s.AllKnownTypes() {
		if strings.HasSuffix(gvk.Kind, "List") || strings.HasSuffix(gvk.Kind, "Options") || gvk.Kind == "WatchEvent" {
			continue
		}
		if _, ok := t.FieldByName("ObjectMeta"); !ok {
			continue
		}
		var out []entry
		walk(t, "", map[reflect.Type]int{}, &out)
		for _, e := range out {
			lines = append(lines, fmt.Sprintf("%s/%s/%s\t%s\t%s\t%s", gvk.Group, gvk.Version, gvk.Kind, e.path, e.strat, e.key))
		}
		if len(out) == 0 {
			lines = append(lines, fmt.Sprintf("%s/%s/%s", gvk.Group, gvk.Version, gvk.Kind))
		}
	}
	sort.Strings(lines)
	for _, l := range lines {
		fmt.Println(l)
	}
}
