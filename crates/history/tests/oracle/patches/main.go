// Prints random patches, and what the libraries that kube-apiserver applies patches with make of them: ../../patches.jsonl.
// Without "after" they refuse it.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

type M = map[string]interface{}
type L = []interface{}

var r = rand.New(rand.NewSource(7))

func pick(s ...interface{}) interface{} { return s[r.Intn(len(s))] }
func names() string                     { return pick("a", "b", "c", "d").(string) }

func container(patch bool) M {
	c := M{"name": names()}
	if r.Intn(2) == 0 {
		c["image"] = pick("x:1", "x:2", "y")
	}
	if r.Intn(3) == 0 {
		c["args"] = L{pick("p", "q"), "z"}
	}
	if r.Intn(2) == 0 {
		c["env"] = list(patch, "name", func() M {
			m := M{"name": pick("E", "F", "G")}
			if r.Intn(2) == 0 {
				m["value"] = pick("1", "2")
			}
			return m
		}, 3)
	}
	if r.Intn(3) == 0 {
		c["ports"] = list(patch, "containerPort", func() M { return M{"containerPort": pick(80.0, 443.0), "protocol": pick("TCP", "UDP")} }, 2)
	}
	if r.Intn(3) == 0 {
		c["resources"] = M{"limits": M{"cpu": pick("1", "2")}}
		if patch && r.Intn(2) == 0 {
			c["resources"].(M)["$patch"] = pick("replace", "delete")
		}
	}
	if patch && r.Intn(6) == 0 {
		c["image"] = nil
	}
	return c
}
func list(patch bool, key string, f func() M, n int) L {
	l := L{}
	seen := map[interface{}]bool{}
	for i := r.Intn(n + 1); i >= 0; i-- {
		m := f()
		if seen[m[key]] {
			continue
		}
		seen[m[key]] = true
		if patch && r.Intn(4) == 0 {
			if r.Intn(4) > 0 {
				m = M{"$patch": "delete", key: m[key]}
			} else {
				m = M{"$patch": "replace"}
			}
		}
		l = append(l, m)
	}
	return l
}
func order(l L, key string) L {
	o := L{}
	for _, i := range l {
		m := i.(M)
		if m["$patch"] == nil {
			o = append(o, M{key: m[key]})
		}
		if r.Intn(3) == 0 {
			o = append(o, M{key: pick("a", "b", "c", "d", "E", "F")})
		}
	}
	seen := map[interface{}]bool{}
	out := L{}
	for _, i := range o {
		k := i.(M)[key]
		if !seen[k] {
			seen[k] = true
			out = append(out, i)
		}
	}
	return out
}
func deployment(patch bool) M {
	spec := M{}
	if r.Intn(2) == 0 {
		spec["replicas"] = pick(1.0, 2.0, 3.0)
	}
	if r.Intn(2) == 0 {
		if r.Intn(2) == 0 {
			spec["strategy"] = M{"type": "Recreate"}
		} else {
			spec["strategy"] = M{"type": "RollingUpdate", "rollingUpdate": M{"maxSurge": 1.0}}
		}
		if patch && r.Intn(2) == 0 {
			spec["strategy"].(M)["$retainKeys"] = pick(L{"type"}, L{"type", "rollingUpdate"})
		}
	}
	pod := M{"containers": list(patch, "name", func() M { return container(patch) }, 3)}
	if patch && r.Intn(2) == 0 {
		pod["$setElementOrder/containers"] = order(pod["containers"].(L), "name")
	}
	if patch && r.Intn(5) == 0 {
		delete(pod, "containers")
	}
	if r.Intn(3) == 0 {
		pod["tolerations"] = L{M{"key": names()}}
	}
	if r.Intn(3) == 0 {
		pod["volumes"] = list(patch, "name", func() M {
			m := M{"name": names()}
			if r.Intn(2) == 0 {
				m["emptyDir"] = M{}
			} else {
				m["configMap"] = M{"name": names()}
			}
			if patch && r.Intn(2) == 0 {
				m["$retainKeys"] = L{"name", "emptyDir"}
			}
			return m
		}, 3)
	}
	if r.Intn(3) == 0 {
		pod["nodeSelector"] = M{names(): "1"}
	}
	spec["template"] = M{"spec": pod}
	o := M{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(patch), "spec": spec}
	if patch {
		delete(o, "apiVersion")
		delete(o, "kind")
	}
	return o
}
func meta(patch bool) M {
	m := M{"labels": M{names(): pick("1", "2"), names(): pick("3", "4")}}
	if !patch {
		m["name"] = "n"
	}
	if r.Intn(3) == 0 {
		m["finalizers"] = L{pick("f", "g"), "h"}
	}
	if r.Intn(3) == 0 {
		m["finalizers"] = L{"g", "f", "k"}
	}
	if patch {
		if r.Intn(3) == 0 {
			m["$deleteFromPrimitiveList/finalizers"] = L{pick("f", "g", "h"), "zz"}
		}
		if r.Intn(4) == 0 {
			m["$setElementOrder/finalizers"] = L{"k", "h", "g", "f"}
		}
		if r.Intn(3) == 0 {
			m["labels"].(M)[names()] = nil
		}
		if r.Intn(6) == 0 {
			m["labels"].(M)["$patch"] = pick("replace", "delete", "frob")
		}
		if r.Intn(4) == 0 {
			m["annotations"] = M{"new": pick(nil, "v")}
		}
	}
	return m
}
func service(patch bool) M {
	s := M{"ports": list(patch, "port", func() M {
		m := M{"port": pick(80.0, 443.0, 53.0), "protocol": pick("TCP", "UDP")}
		if r.Intn(2) == 0 {
			m["nodePort"] = 30000.0
		}
		return m
	}, 3), "selector": M{names(): "1"}}
	if patch && r.Intn(3) == 0 {
		s["$setElementOrder/ports"] = order(s["ports"].(L), "port")
	}
	o := M{"apiVersion": "v1", "kind": "Service", "metadata": meta(patch), "spec": s}
	if patch {
		delete(o, "apiVersion")
		delete(o, "kind")
	}
	return o
}
func node(patch bool) M {
	return M{"apiVersion": "v1", "kind": "Node", "metadata": meta(patch), "spec": M{"podCIDRs": L{pick("1", "2"), pick("3", "4")}, "taints": L{M{"key": names()}}},
		"status": M{"conditions": list(patch, "type", func() M { return M{"type": names(), "status": pick("True", "False")} }, 3)}}
}
func pdb(patch bool) M {
	return M{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta(patch), "spec": M{"minAvailable": pick(1.0, "50%"), "selector": M{"matchLabels": M{names(): "1"}}}}
}
func plain(depth int) interface{} {
	switch k := r.Intn(7); {
	case k < 3 && depth > 0:
		m := M{}
		for i := r.Intn(4); i > 0; i-- {
			m[names()] = plain(depth - 1)
		}
		return m
	case k == 3 && depth > 0:
		l := L{}
		for i := r.Intn(4); i > 0; i-- {
			l = append(l, plain(depth-1))
		}
		return l
	case k == 4:
		return nil
	case k == 5:
		return pick(true, "s", "t")
	}
	return float64(r.Intn(5))
}
func pointer() string {
	p := ""
	for i := r.Intn(4); i > 0; i-- {
		p += "/" + pick("a", "b", "c", "0", "1", "-").(string)
	}
	return p
}
func emit(kind string, base, patch interface{}, after []byte, err error) {
	o := M{"kind": kind, "base": base, "patch": patch}
	if err == nil {
		o["after"] = json.RawMessage(after)
	}
	b, e := json.Marshal(o)
	if e != nil {
		panic(e)
	}
	fmt.Println(string(b))
}
func js(v interface{}) []byte { b, _ := json.Marshal(v); return b }

func main() {
	makers := []func(bool) M{deployment, deployment, deployment, service, node, pdb}
	structs := []interface{}{apps.Deployment{}, apps.Deployment{}, apps.Deployment{}, core.Service{}, core.Node{}, policy.PodDisruptionBudget{}}
	good := 0
	for i := 0; i < 260; i++ {
		k := r.Intn(len(makers))
		base, patch := makers[k](false), makers[k](true)
		after, err := strategicpatch.StrategicMergePatch(js(base), js(patch), structs[k])
		if err == nil {
			good++
		}
		emit("strategic", base, patch, after, err)
	}
	for i := 0; i < 120; i++ {
		base, patch := M{"a": plain(3), "b": plain(3), "c": plain(2)}, M{"a": plain(3), "b": plain(3), "d": plain(2)}
		after, err := jsonpatch.MergePatch(js(base), js(patch))
		emit("merge", base, patch, after, err)
	}
	jg := 0
	for i := 0; i < 400; i++ {
		base := M{"a": plain(3), "b": L{plain(2), plain(2)}, "c": M{"a": 1.0, "b": L{1.0}}}
		ops := L{}
		for j := r.Intn(2); j >= 0; j-- {
			op := M{"op": pick("add", "add", "remove", "replace", "move", "copy", "test"), "path": pointer()}
			switch op["op"] {
			case "move", "copy":
				op["from"] = pointer()
			case "remove":
			default:
				op["value"] = plain(1)
			}
			ops = append(ops, op)
		}
		p, err := jsonpatch.DecodePatch(js(ops))
		var after []byte
		if err == nil {
			func() {
				defer func() {
					if x := recover(); x != nil {
						err = fmt.Errorf("panic")
					}
				}()
				after, err = p.Apply(js(base))
			}()
		}
		if err == nil {
			jg++
		} else if r.Intn(3) > 0 {
			continue
		}
		emit("json", base, ops, after, err)
	}
	fmt.Fprintln(os.Stderr, good, jg)
}
